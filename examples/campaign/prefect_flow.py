"""The campaign and its scoring as Prefect flows: run them once, serve them, or deploy them on a schedule."""

from pathlib import Path

import magical

project = magical.load(Path(__file__).parent)
campaign = project.flow()
score = project.scoring_flow()  # new rows: score(input="new.csv", output="predictions.parquet")

if __name__ == "__main__":
    campaign()
