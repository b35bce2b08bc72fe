"""prefect."""
