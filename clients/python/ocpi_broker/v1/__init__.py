"""Generated from proto/; see the Makefile target proto."""
