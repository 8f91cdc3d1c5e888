"""The core of sparkmesos: everything but the command line. It knows neither Click nor Rich."""

__version__ = "0.1.0.dev0"
