"""Programs for those who implement OCPI: a checker, a mock platform. For cli; the service imports nothing of them."""
