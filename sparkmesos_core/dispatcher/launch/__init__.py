"""What a driver looks like to Mesos: its TaskInfo, made of a submission and the dispatcher's settings."""
