"""Archives of Spark for agents to fetch: building, completing and checking them, and serving them in labs."""
