"""What `make run` and `make demo` show to a newcomer."""
