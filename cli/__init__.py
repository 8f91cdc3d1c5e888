"""The command line of sparkmesos: a thin Click layer over sparkmesos_core, one module per command."""
