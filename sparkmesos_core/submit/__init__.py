"""Submitting an application: in client mode by becoming Spark's own spark-submit, in cluster mode by asking a
dispatcher to run it."""
