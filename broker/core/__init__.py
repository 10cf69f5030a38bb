"""What is true of OCPI connections, without I/O, clocks or randomness. Standard library only."""
