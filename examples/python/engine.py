#!/usr/bin/env python3
"""A short queue engine that reports to rejoin over HTTP.

It puts a consumer into a queue, calls the next ticket, and admits the consumer. It needs
Python 3.9 or later and nothing else:

    python3 engine.py http://127.0.0.1:8080/api/v1/records sk_test_… cons_1

Every request can be repeated: a record that is already stored changes nothing. That is why
`send` tries again when it gets no response or 503.
"""

import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone


def now():
    """Return the current time in the form of the record format."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Records:
    """The records endpoints of one organization."""

    def __init__(self, url, secret_key):
        self.url = url
        self.headers = {"Authorization": f"Bearer {secret_key}", "Content-Type": "application/json"}

    def send(self, batch, attempts=5):
        """Write a batch and return the numbers of applied and stale records."""
        request = urllib.request.Request(self.url, json.dumps(batch).encode(), self.headers, method="POST")
        for attempt in range(1, attempts + 1):
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or attempt == attempts:
                    raise RuntimeError(f"{error.code}: {error.read().decode()}") from error
                time.sleep(float(error.headers.get("Retry-After", 1)))
            except (urllib.error.URLError, TimeoutError):
                if attempt == attempts:
                    raise
                time.sleep(attempt)


class Queue:
    """A queue whose members have tickets. One write moves all of them."""

    def __init__(self, records, queue_id, experience_id, sequence_id):
        self.records = records
        self.place = {"type": "queue", "id": queue_id, "experienceId": experience_id, "sequenceId": sequence_id}
        self.entered = {}

    def enter(self, consumer, ticket):
        """Enter a consumer, given as a profile in the record format."""
        moment = self.entered[consumer["id"]] = now()
        entry = {**self.place, "status": "QUEUED", "enteredAt": moment, "ticket": ticket, "updatedAt": moment}
        return self.records.send({"consumers": [{**consumer, "participations": [entry]}]})

    def serve(self, called):
        """Set how many tickets were called. This is one record, whatever the size of the queue."""
        record = {"type": "queue", "id": self.place["id"], "serving": called, "updatedAt": now()}
        return self.records.send({"distributions": [record]})

    def admit(self, consumer_id, token, valid_for=timedelta(minutes=10)):
        """Admit a consumer to the checkout with an admission token."""
        moment = now()
        expires = (datetime.now(timezone.utc) + valid_for).isoformat(timespec="seconds").replace("+00:00", "Z")
        admitted = {
            **self.place, "status": "ADMITTED", "enteredAt": self.entered[consumer_id], "position": 0,
            "admittedAt": moment, "admissionToken": token, "expiresAt": expires, "updatedAt": moment,
        }
        return self.records.send({"consumers": [{"id": consumer_id, "participations": [admitted]}]})


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: engine.py RECORDS_URL SECRET_KEY CONSUMER_ID")
    url, secret_key, consumer_id = sys.argv[1:]
    queue = Queue(Records(url, secret_key), "queue_python", "exp_python", "seq_python")
    moment = now()
    print("enter", queue.enter({"id": consumer_id, "fullName": "Pat Python", "createdAt": moment, "updatedAt": moment}, ticket=1))
    print("serve", queue.serve(called=1))
    print("admit", queue.admit(consumer_id, "demo_" + secrets.token_urlsafe(16)))


if __name__ == "__main__":
    main()
