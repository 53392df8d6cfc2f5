"""What operators and developers run."""
