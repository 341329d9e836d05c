"""What people touch: command line, Python API, web page, configuration."""
