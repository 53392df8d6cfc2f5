"""What organizations does, one function an operation: read, decide, write, announce."""
