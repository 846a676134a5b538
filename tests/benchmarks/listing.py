"""What a run over years of folders in a bucket costs to list: all of them, beside three days.

A server that only lists answers for a million names; the listing is the program's own.
"""

import argparse
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import listings

from jobs.logs.hours import EVER, Reach
from jobs.logs.storage import Storage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=1826)
    parser.add_argument("--serials", type=int, default=23, help="files an hour")
    asked = parser.parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
    names = listings.keys(asked.days, asked.serials, "dt=%Y-%m-%d/hour=%H/")
    end = datetime(2025, 9, 10)
    source = "s3://logs/dt={year}-{month}-{day}/hour={hour}/*.parquet"
    with listings.serve(names) as listing:
        storage = Storage({"s3": listing.endpoint})
        for what, reach in (("all", EVER), ("3 days", Reach(end - timedelta(days=3), end))):
            listing.prefixes, listing.listed = [], 0
            began = time.perf_counter()
            found = storage.within(reach).find([source])
            took = time.perf_counter() - began
            print(
                f"{what}: {len(found.files):,} of {len(names):,} files, {len(listing.prefixes):,} "
                f"requests, {listing.listed:,} names sent, {took:.1f} s"
            )


if __name__ == "__main__":
    main()
