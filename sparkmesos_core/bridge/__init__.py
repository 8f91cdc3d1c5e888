"""The Scala sources that let Spark talk to Mesos over HTTP, and their compile cache."""
