"""Stand-in for http-parser 0.9.0 that holds the one class pymesos uses, `http_parser.http.HttpParser`."""

version_info = (0, 9, 0)
__version__ = "0.9.0"
