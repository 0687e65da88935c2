"""Django's ORM as it is by default, for statements that are held; the first argument is CONN_MAX_AGE. A line of standard
input is an order, the answer one line: `ok …` or `error SQLSTATE MESSAGE | DETAIL`. Where to connect comes from the PG…
variables."""

import os
import sys
import threading

import django
from django.conf import settings
from django.core import signals
from django.db import DatabaseError, connection, models, transaction

DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["PGHOST"],
    "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"],
    "NAME": os.environ["PGDATABASE"],
    "CONN_MAX_AGE": int(sys.argv[1]),
    # Of the server: how long a statement may run there.
    "OPTIONS": {"options": "-c statement_timeout=2s"} if "statement_timeout" in sys.argv else {},
}
settings.configure(DATABASES={"default": DATABASE})
django.setup()


class Payment(models.Model):
    id = models.IntegerField(primary_key=True)
    status = models.TextField()

    class Meta:
        app_label = "shop"
        managed = False
        db_table = "payments"


def update(status, row):
    return Payment.objects.filter(id=row).update(status=status)


def short(status, row):
    """Nothing in Django gives a statement up after a time: another thread does, by the driver's `cancel`."""
    connection.ensure_connection()
    timer = threading.Timer(2, connection.connection.cancel)
    timer.start()
    try:
        return update(status, row)
    finally:
        timer.cancel()


def in_transaction(status, row):
    with transaction.atomic():
        payment = Payment.objects.only("status").get(id=row)
        payment.status = status
        payment.save()
        return 1


def obey(order, status="", row="0"):
    row = int(row)
    match order:
        case "pool":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return cursor.fetchone()[0]
        case "run":
            return update(status, row)
        case "short":
            return short(status, row)
        case "transaction":
            return in_transaction(status, row)


for line in sys.stdin:
    # Each order is a request of its own, as a web server has it.
    signals.request_started.send(sender=None)
    try:
        answer = f"ok {obey(*line.split())}"
    except DatabaseError as e:
        cause = e.__cause__
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        answer = f"error {state} {cause.diag.message_primary} | {cause.diag.message_detail}"
    signals.request_finished.send(sender=None)
    print(answer.replace("\n", " "), flush=True)
