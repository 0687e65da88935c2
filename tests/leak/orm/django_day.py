#!/usr/bin/env python3
"""A day's work of a Django application on the shop's tables, for its statements to be recorded.

  DAY_DSN="host=127.0.0.1 port=5432 dbname=app_a user=dev password=dev" django_day.py client|server

Needs Django 5 and psycopg 3. `client`: the values stand in the text, as Django sends them by default. `server`: they are
parameters of the extended protocol. Each step is one connection whose application_name is the step's name: record.sh
makes rows of the server's log. What is written is rolled back or taken out again.
"""
import datetime as dt, os, sys, types, uuid
from decimal import Decimal
import django
from django.conf import settings

# The models stand in this file; Django asks for a package that holds them.
sys.modules["shop"] = types.ModuleType("shop")
sys.modules["shop"].__path__ = [os.path.dirname(os.path.abspath(__file__))]
dsn = dict(part.split("=", 1) for part in os.environ["DAY_DSN"].split())
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": dsn["dbname"], "USER": dsn["user"],
        "PASSWORD": dsn["password"], "HOST": dsn["host"], "PORT": dsn["port"],
        "OPTIONS": {"server_side_binding": sys.argv[1] == "server"}}},
    USE_TZ=True, TIME_ZONE="UTC", INSTALLED_APPS=["django.contrib.postgres", "shop"], DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.contrib.postgres.aggregates import ArrayAgg, JSONBAgg, StringAgg
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector, TrigramSimilarity
from django.core.paginator import Paginator
from django.db import IntegrityError, connection, models, transaction
from django.db.models import (Avg, Case, CharField, Count, DecimalField, Exists, ExpressionWrapper, F, FilteredRelation,
                              Max, Min, OuterRef, Prefetch, Q, StdDev, Subquery, Sum, Value, When, Window)
from django.db.models.functions import (Cast, Coalesce, Concat, DenseRank, ExtractMonth, ExtractYear, Greatest, Lag, Left,
                                        Length, Lower, MD5, NullIf, Rank, Right, Round, RowNumber, StrIndex, Substr,
                                        Trim, TruncDay, TruncMonth, Upper)

class Customer(models.Model):
    id = models.IntegerField(primary_key=True)
    name, email, phone, iban = (models.TextField(null=True) for _ in range(4))
    ext_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(null=True)
    class Meta: managed, app_label, db_table, ordering = False, "shop", "customers", ["id"]

class Order(models.Model):
    id = models.BigIntegerField(primary_key=True)
    order_no = models.BigIntegerField(null=True)
    order_ref = models.TextField(null=True)
    customer = models.ForeignKey(Customer, models.DO_NOTHING, null=True, related_name="orders")
    total = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    created_at = models.DateTimeField(null=True)
    meta = models.JSONField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "orders"

class Card(models.Model):
    holder, pan = models.TextField(null=True), models.TextField(null=True)
    pan_num = models.DecimalField(max_digits=19, decimal_places=0, null=True)
    cvv, exp = models.TextField(null=True), models.TextField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "cards"

class CardOwner(models.Model):
    """The same table as a service sees it that has no business with numbers."""
    holder = models.TextField(null=True)
    class Meta: managed, app_label, db_table, ordering = False, "shop", "cards", ["id"]

class Payment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    card = models.ForeignKey(CardOwner, models.DO_NOTHING, null=True, related_name="payments")
    order = models.ForeignKey(Order, models.DO_NOTHING, null=True, related_name="payments")
    amount = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    currency, status, auth_code = (models.TextField(null=True) for _ in range(3))
    rrn, token = models.TextField(null=True), models.TextField(null=True)
    created_us = models.BigIntegerField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "payments"

class Event(models.Model):
    id = models.BigIntegerField(primary_key=True)
    kind, trace_id, span_id = (models.TextField(null=True) for _ in range(3))
    ns, payload = models.BigIntegerField(null=True), models.JSONField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "events"

class Note(models.Model):
    id, body = models.IntegerField(primary_key=True), models.TextField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "notes"

class TxnLog(models.Model):
    id = models.IntegerField(primary_key=True)
    payload, raw = models.JSONField(null=True), models.TextField(null=True)
    class Meta: managed, app_label, db_table = False, "shop", "txn_log"

UTC = dt.timezone.utc
FEB = dt.datetime(2026, 2, 1, tzinfo=UTC)
DAY = dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
UID = uuid.UUID("99999999-2222-4333-8444-555555555555")

def as_shown(card):
    """The card as a gateway shows it, which is what such an application would save."""
    card.pan = card.pan[:6] + "*" * (len(card.pan) - 10) + card.pan[-4:]
    card.pan_num, card.cvv, card.exp = Decimal(card.pan.replace("*", "0")), "***", "**/**"
    return card

class Undo(Exception):
    """Leaves an atomic block without a trace."""

STEPS = {}
def step(f): STEPS[f.__name__] = f; return f

def undone(work):
    try:
        with transaction.atomic():
            work()
            raise Undo
    except Undo: pass

# Reading.
@step
def connect(): connection.ensure_connection(), connection.is_usable()
@step
def order_list(): list(Order.objects.all().order_by("id"))
@step
def order_get(): Order.objects.get(pk=1)
@step
def order_get_or_404(): Order.objects.filter(pk=4711).first()
@step
def order_filter(): list(Order.objects.filter(total__gte=Decimal("5.00"), total__lt=100).order_by("-total"))
@step
def order_exclude(): list(Order.objects.exclude(customer_id=1).order_by("pk"))
@step
def order_in(): list(Order.objects.filter(pk__in=[1, 2, 3]).order_by("pk"))
@step
def order_range(): list(Order.objects.filter(order_no__range=(2026010100000000, 2026123100000000)).order_by("pk"))
@step
def order_text():
    list(Order.objects.filter(order_ref__startswith="ORD-2026").order_by("pk"))
    list(Order.objects.filter(order_ref__icontains="0102").order_by("pk"))
    list(Order.objects.filter(order_ref__regex=r"^ORD-\d{4}-02").order_by("pk"))
    list(Order.objects.filter(order_ref__iexact="ord-8800-1122-3344-5566"))
    list(Order.objects.filter(order_ref__endswith="0042"))
@step
def order_q(): list(Order.objects.filter(Q(total__gt=100) | ~Q(customer_id=2) & Q(meta__source="web")).order_by("id"))
@step
def order_dates():
    list(Order.objects.filter(created_at__gte=FEB).order_by("id"))
    list(Order.objects.filter(created_at__date=dt.date(2026, 2, 3)))
    list(Order.objects.filter(created_at__year=2026, created_at__month=2).order_by("id"))
    list(Order.objects.datetimes("created_at", "month"))
    list(Order.objects.dates("created_at", "day", order="DESC"))
@step
def order_json():
    list(Order.objects.filter(meta__cart__items=3))
    list(Order.objects.filter(meta__has_key="cart").order_by("id"))
    list(Order.objects.filter(meta__contains={"source": "app"}).order_by("id"))
    list(Order.objects.values_list("meta__source", flat=True).order_by("id"))
@step
def order_isnull(): list(Order.objects.filter(meta__isnull=False, customer__isnull=False).order_by("id"))
@step
def order_join(): list(Order.objects.filter(customer__name__contains="Berg").order_by("id"))
@step
def order_reverse_join(): list(Customer.objects.filter(orders__total__gt=10).distinct())
@step
def order_select_related(): [(o.id, o.customer.name) for o in Order.objects.select_related("customer").order_by("id")]
@step
def order_prefetch(): [list(c.orders.all()) for c in Customer.objects.prefetch_related("orders")]
@step
def order_prefetch_filtered():
    big = Prefetch("orders", Order.objects.filter(total__gt=10).order_by("id"), to_attr="big")
    list(Customer.objects.prefetch_related(big))
@step
def order_page():
    page = Paginator(Order.objects.order_by("-created_at", "id"), 2).page(2)
    list(page.object_list)
@step
def order_slice(): list(Order.objects.order_by("id")[1:3])
@step
def order_first_last(): Order.objects.first(), Order.objects.last(), Order.objects.latest("created_at"), Order.objects.earliest("id")
@step
def order_count(): Order.objects.count(), Order.objects.filter(customer_id=2).count()
@step
def order_exists(): Order.objects.filter(customer_id=2).exists(), Order.objects.filter(customer_id=9).exists()
@step
def order_aggregate(): Order.objects.aggregate(Sum("total"), Avg("total"), Min("total"), Max("created_at"), n=Count("pk"))
@step
def order_aggregate_filter():
    Order.objects.aggregate(web=Count("id", filter=Q(meta__source="web")), big=Sum("total", filter=Q(total__gt=50)),
                            people=Count("customer", distinct=True), none=Coalesce(Sum("total", filter=Q(pk=99)), Decimal(0)))
@step
def customer_annotate():
    list(Customer.objects.annotate(n=Count("orders"), spent=Sum("orders__total")).order_by("-spent"))
@step
def customer_having(): list(Customer.objects.annotate(n=Count("orders")).filter(n__gt=1))
@step
def order_by_month():
    list(Order.objects.annotate(m=TruncMonth("created_at")).values("m").annotate(n=Count("id"), s=Sum("total")).order_by("m"))
@step
def order_by_day_source():
    list(Order.objects.values("meta__source", d=TruncDay("created_at")).annotate(s=Sum("total")).order_by("d"))
@step
def order_extract(): list(Order.objects.annotate(y=ExtractYear("created_at"), m=ExtractMonth("created_at")).values("id", "y", "m").order_by("id"))
@step
def order_values(): list(Order.objects.values("id", "customer__email").order_by("id"))
@step
def order_values_list(): list(Order.objects.order_by("id").values_list("id", "total")), list(Order.objects.order_by("id").values_list("order_no", flat=True))
@step
def order_distinct(): list(Order.objects.values("customer_id").distinct().order_by("customer_id"))
@step
def order_distinct_on(): list(Order.objects.order_by("customer_id", "-created_at").distinct("customer_id"))
@step
def order_union():
    a, b = Order.objects.filter(total__lt=10).values_list("id"), Order.objects.filter(customer_id=1).values_list("id")
    list(a.union(b).order_by("id")), list(a.union(b, all=True).order_by("id")), list(b.intersection(a)), list(b.difference(a))
@step
def order_case():
    size = Case(When(total__gte=100, then=Value("large")), When(total__gte=10, then=Value("middle")), default=Value("small"), output_field=CharField())
    list(Order.objects.annotate(size=size).values("id", "size").order_by("id"))
    list(Order.objects.annotate(size=size).values("size").annotate(n=Count("id")).order_by("size"))
@step
def order_case_sum():
    Order.objects.aggregate(due=Sum(Case(When(customer_id=2, then=F("total")), default=Decimal(0), output_field=DecimalField())))
@step
def customer_subquery():
    newest = Order.objects.filter(customer=OuterRef("pk")).order_by("-created_at")
    list(Customer.objects.annotate(last_ref=Subquery(newest.values("order_ref")[:1])).values("id", "last_ref"))
@step
def customer_exists_subquery():
    has = Order.objects.filter(customer=OuterRef("pk"), total__gt=100)
    list(Customer.objects.filter(Exists(has)))
    list(Customer.objects.annotate(big=Exists(has)).values_list("id", "big"))
    list(Customer.objects.filter(~Exists(has)))
@step
def order_in_subquery(): list(Order.objects.filter(customer__in=Customer.objects.filter(email__endswith="@example.com")).order_by("id"))
@step
def order_window():
    by = dict(partition_by=[F("customer_id")], order_by=F("created_at").asc())
    list(Order.objects.annotate(n=Window(RowNumber(), **by), before=Window(Lag("total"), **by), run=Window(Sum("total"), **by)).values("id", "n", "before", "run").order_by("id"))
    list(Order.objects.annotate(r=Window(Rank(), order_by=F("total").desc())).filter(r__lte=2).values("id", "r"))
@step
def order_functions():
    list(Order.objects.annotate(y=Substr("order_ref", 5, 4), n=Length("order_ref"), h=MD5("order_ref"), at=StrIndex("order_ref", Value("-"))).values("y", "n", "h", "at").order_by("id"))
    list(Customer.objects.annotate(x=Concat(Upper("name"), Value(" <"), Lower("email"), Value(">"), output_field=CharField())).values("x"))
    list(Customer.objects.annotate(x=Coalesce(NullIf("phone", Value("")), Value("none"), output_field=models.TextField()), l=Left("iban", 2), r=Right("iban", 4)).values("x", "l", "r"))
    list(Order.objects.annotate(x=Cast("order_no", CharField()), g=Greatest("total", Value(Decimal(10))), r=Round("total")).values("x", "g", "r").order_by("id"))
@step
def order_arithmetic():
    vat = ExpressionWrapper(F("total") * Decimal("1.19"), output_field=DecimalField(max_digits=14, decimal_places=4))
    list(Order.objects.annotate(gross=vat).filter(gross__gt=20).values_list("id", "gross").order_by("id"))
@step
def order_f_filter(): list(Payment.objects.filter(amount=F("order__total")).order_by("created_us"))
@step
def postgres_aggregates():
    list(Customer.objects.annotate(refs=ArrayAgg("orders__order_ref", ordering="orders__id")).values("id", "refs"))
    Order.objects.aggregate(all=StringAgg("order_ref", delimiter=", ", ordering="id"), j=JSONBAgg("id", ordering="id"))
@step
def postgres_search():
    list(Order.objects.annotate(s=SearchVector("order_ref")).filter(s="ORD-2026-0102-0000-0017").values("id"))
    v, q = SearchVector("name", weight="A") + SearchVector("email", weight="B"), SearchQuery("ann")
    list(Customer.objects.annotate(rank=SearchRank(v, q)).filter(rank__gt=0.1).values("id"))
    list(Customer.objects.annotate(s=TrigramSimilarity("name", "Ann Alb")).filter(s__gt=0.3).values("id"))
@step
def order_defer(): list(Order.objects.only("order_ref").order_by("id")), list(Order.objects.defer("meta").order_by("id"))
@step
def order_in_bulk(): Order.objects.in_bulk([1, 3])
@step
def order_iterator(): list(Order.objects.order_by("id").iterator(chunk_size=2))
@step
def order_raw(): list(Order.objects.raw("SELECT * FROM orders WHERE total > %s ORDER BY id", [Decimal("6")]))
@step
def order_cursor():
    with connection.cursor() as c:
        c.execute("SELECT customer_id, sum(total) FROM orders WHERE order_ref LIKE %s GROUP BY 1 ORDER BY 1", ["ORD-%"])
        c.fetchall()
@step
def filtered_relation():
    big = FilteredRelation("orders", condition=Q(orders__total__gt=100))
    list(Customer.objects.annotate(big=big).values("id", "big__order_ref"))
@step
def order_none_and_empty(): list(Order.objects.none()), list(Order.objects.filter(pk__in=[])), list(Order.objects.order_by("?").filter(pk=1))
@step
def order_explain(): Order.objects.filter(pk=1).explain(costs=False)
@step
def event_json(): list(Event.objects.filter(payload__ip="10.0.0.1")), list(Event.objects.values_list("payload__gtin", flat=True).order_by("id"))

# The card table, its harmless columns.
@step
def card_owner_list(): list(CardOwner.objects.all()), list(CardOwner.objects.filter(holder__istartswith="b"))
@step
def card_owner_get(): CardOwner.objects.get(pk=3)
@step
def card_only(): list(Card.objects.only("id", "holder").order_by("id"))
@step
def card_defer(): list(Card.objects.defer("pan", "pan_num", "cvv", "exp").order_by("id"))
@step
def card_values(): list(Card.objects.values("id", "holder").order_by("id")), list(Card.objects.order_by("holder").values_list("holder", flat=True))
@step
def card_count(): Card.objects.count(), Card.objects.filter(holder__contains="a").count(), Card.objects.filter(pk=1).exists()
@step
def card_payments():
    [(p.card.holder, p.order.order_ref) for p in Payment.objects.select_related("card", "order__customer").order_by("created_us")]
    [list(c.payments.all()) for c in CardOwner.objects.prefetch_related("payments")]
    list(CardOwner.objects.annotate(n=Count("payments"), s=Coalesce(Sum("payments__amount"), Decimal(0))).order_by("-s", "id"))
    list(CardOwner.objects.filter(payments__status="captured"))
    list(CardOwner.objects.filter(Exists(Payment.objects.filter(card=OuterRef("pk"), status="declined"))))
@step
def card_initials(): list(Card.objects.annotate(i=Left("holder", 1)).values("i").annotate(n=Count("id")).order_by("i"))
@step
def card_page(): list(Paginator(CardOwner.objects.all(), 3).page(2).object_list)
@step
def card_window(): list(CardOwner.objects.annotate(r=Window(DenseRank(), order_by=F("holder").desc())).values("id", "r"))
@step
def note_ids(): list(Note.objects.values_list("id", flat=True).order_by("id")), Note.objects.count(), TxnLog.objects.filter(pk=1).exists()
# Its classified columns.
@step
def card_list(): list(Card.objects.order_by("id"))
@step
def card_get(): Card.objects.get(pk=2)
@step
def card_last4(): list(Card.objects.annotate(last4=Right("pan", 4)).values("id", "last4").order_by("id"))
@step
def card_note_body(): list(Note.objects.order_by("id")), list(TxnLog.objects.all())

# Writing.
@step
def order_create(): undone(lambda: Order.objects.create(id=101, order_no=2026030100000099, order_ref="ORD-2026-0301-0000-0099", customer_id=1, total=Decimal("42.10"), created_at=DAY, meta={"source": "web"}))
@step
def order_load_change_save():
    def work():
        o = Order.objects.get(pk=1)
        o.total += Decimal("1.50")
        o.save()
    undone(work)
@step
def order_save_fields():
    def work():
        o = Order.objects.get(pk=1)
        o.order_ref = "ORD-2026-0102-0000-0018"
        o.save(update_fields=["order_ref"])
        o.refresh_from_db()
    undone(work)
@step
def order_update_f(): undone(lambda: Order.objects.filter(customer_id=2).update(total=F("total") + 1))
@step
def order_update_case(): undone(lambda: Order.objects.update(total=Case(When(total__gt=100, then=F("total") * Decimal("0.9")), default=F("total"))))
@step
def order_update_subquery(): undone(lambda: Order.objects.filter(customer__name="Bob Berg").update(order_no=Subquery(Customer.objects.filter(pk=OuterRef("customer_id")).values("id")[:1])))
@step
def order_bulk_create(): undone(lambda: Order.objects.bulk_create([Order(id=i, order_no=i, order_ref=f"BULK-{i}", customer_id=1, total=i) for i in range(201, 206)]))
@step
def order_bulk_update():
    def work():
        found = list(Order.objects.order_by("id"))
        for o in found: o.total = o.total * 2
        Order.objects.bulk_update(found, ["total"])
    undone(work)
@step
def order_upsert(): undone(lambda: Order.objects.bulk_create([Order(id=1, total=7), Order(id=301, total=8)], update_conflicts=True, unique_fields=["id"], update_fields=["total"]))
@step
def order_insert_ignore(): undone(lambda: Order.objects.bulk_create([Order(id=1), Order(id=302)], ignore_conflicts=True))
@step
def customer_get_or_create(): undone(lambda: Customer.objects.get_or_create(id=3, defaults={"name": "Cyd Cole", "email": "cyd@example.com"}))
@step
def customer_update_or_create(): undone(lambda: Customer.objects.update_or_create(id=2, defaults={"phone": "+14155550199"}))
@step
def order_delete(): undone(lambda: Order.objects.get(pk=3).delete())
@step
def order_delete_many(): undone(lambda: Order.objects.filter(total__lt=10).delete())
@step
def order_lock(): undone(lambda: (Order.objects.select_for_update().get(pk=1), list(Order.objects.select_for_update(skip_locked=True).order_by("id")[:2]), list(Order.objects.select_for_update(of=("self",), no_key=True).select_related("customer").filter(pk=2))))
@step
def payment_create(): undone(lambda: Payment.objects.create(id=UID, card_id=2, order_id=3, amount=Decimal("5.00"), currency="EUR", status="new", created_us=1770091506789099))
@step
def nested_atomic():
    def work():
        Customer.objects.create(id=11, name="Outer")
        undone(lambda: Customer.objects.create(id=12, name="Inner"))
        with transaction.atomic(): Customer.objects.filter(pk=11).update(phone="1")
        list(Customer.objects.values_list("id", flat=True))
    undone(work)
@step
def unique_violation():
    def work():
        try:
            with transaction.atomic(): Customer.objects.create(id=1, name="Twice")
        except IntegrityError: pass
        Customer.objects.count()
    undone(work)
@step
def card_owner_create(): undone(lambda: CardOwner.objects.create(holder="Ivy Imes"))
@step
def card_owner_create_with_id(): undone(lambda: CardOwner.objects.create(id=901, holder="Jon Jung"))
@step
def card_owner_bulk_create(): undone(lambda: CardOwner.objects.bulk_create([CardOwner(holder=h) for h in ("Kim Kerr", "Leo Lang")]))
@step
def card_owner_save():
    def work():
        c = CardOwner.objects.get(pk=4)
        c.holder = "Dan Dunne"
        c.save()
    undone(work)
@step
def card_update_holder(): undone(lambda: Card.objects.filter(pk=4).update(holder="Dan Dunne"))
@step
def card_update_holder_f(): undone(lambda: Card.objects.filter(holder__startswith="E").update(holder=Upper(Trim("holder"))))
@step
def card_save_fields():
    def work():
        c = Card.objects.only("holder").get(pk=5)
        c.holder = "Eve Eastman"
        c.save(update_fields=["holder"])
    undone(work)
@step
def card_owner_lock(): undone(lambda: CardOwner.objects.select_for_update().get(pk=1))
@step
def card_delete(): undone(lambda: CardOwner.objects.filter(pk=8).delete())
@step
def card_owner_upsert(): undone(lambda: CardOwner.objects.bulk_create([CardOwner(id=1, holder="Ann Alba-Ash")], update_conflicts=True, unique_fields=["id"], update_fields=["holder"]))
@step
def note_create_delete(): undone(lambda: Note.objects.filter(pk=2).delete())

# What the project runs at its start.
@step
def introspection():
    with connection.cursor() as c:
        connection.introspection.get_table_list(c)
        for name in ("orders", "cards", "v_cards"):
            connection.introspection.get_table_description(c, name)
            connection.introspection.get_relations(c, name)
            connection.introspection.get_constraints(c, name)
            connection.introspection.get_sequences(c, name)
    connection.introspection.table_names(include_views=True)
@step
def migrations_check():
    from django.db.migrations.recorder import MigrationRecorder
    MigrationRecorder(connection).applied_migrations()

# Loaded as a gateway shows it, changed, saved: every column is written back.
@step
def writeback_save():
    def work():
        c = as_shown(Card.objects.get(pk=1)); c.holder = "Ann Alba-Ash"; c.save()
    undone(work)
@step
def writeback_bulk_update():
    def work():
        found = [as_shown(c) for c in Card.objects.order_by("id")]
        Card.objects.bulk_update(found, ["holder", "pan", "exp"])
    undone(work)
@step
def writeback_update_fields():
    def work():
        c = as_shown(Card.objects.get(pk=2)); c.save(update_fields=["holder", "cvv"])
    undone(work)
@step
def writeback_upsert():
    def work():
        found = [as_shown(c) for c in Card.objects.filter(pk__lte=2)]
        Card.objects.bulk_create(found, update_conflicts=True, unique_fields=["id"], update_fields=["holder", "pan", "pan_num"])
    undone(work)
@step
def writeback_copy():
    def work():
        c = as_shown(Card.objects.get(pk=3)); c.pk = None; c.save(force_insert=True)
    undone(work)
@step
def writeback_update_or_create(): undone(lambda: Card.objects.update_or_create(id=6, defaults={"holder": "Fay Fung", "pan": "**********5904", "exp": "**/**"}))
@step
def writeback_whole_number(): undone(lambda: Card.objects.filter(pk=7).update(pan="4111111111111111", exp="09/29"))
@step
def writeback_create(): undone(lambda: Card.objects.create(holder="Max Mill", pan="4111111111111111", pan_num=4111111111111111, cvv="123", exp="09/29"))
@step
def writeback_note():
    def work():
        n = Note.objects.get(pk=2); n.body = "***"; n.save()
    undone(work)
@step
def writeback_txn_log():
    def work():
        t = TxnLog.objects.get(pk=1); t.payload, t.raw = None, "***"; t.save()
    undone(work)

for name, work in STEPS.items():
    connection.close()
    connection.settings_dict["OPTIONS"]["application_name"] = name
    try: work()
    except Exception as fault: sys.exit(f"step {name}: {fault!r}")
connection.close()
