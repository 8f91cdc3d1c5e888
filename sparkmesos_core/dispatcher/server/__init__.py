"""The HTTP servers of a dispatcher: the REST protocol, the pages, metrics, and who may use them."""
