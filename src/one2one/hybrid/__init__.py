"""The rules of a hybrid cloud: pure functions and tables, without I/O."""
