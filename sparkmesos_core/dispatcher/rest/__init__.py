"""The server's side of the REST submission protocol: from requests to submissions, and to answers."""
