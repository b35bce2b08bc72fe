"""The campaign as a Prefect flow: run it once, serve it, or deploy it on a schedule."""

from pathlib import Path

import magical

campaign = magical.load(Path(__file__).parent).flow()

if __name__ == "__main__":
    campaign()
