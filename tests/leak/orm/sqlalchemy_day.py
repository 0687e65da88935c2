#!/usr/bin/env python3
"""A day's work of an application on SQLAlchemy 2 (ORM and Core), for its statements to be recorded.

  DAY_DSN="host=127.0.0.1 port=5432 dbname=app_a user=dev password=dev" sqlalchemy_day.py psycopg2|psycopg|asyncpg

psycopg2 puts the values into the text; psycopg and asyncpg send parameters of the extended protocol. Each step is one
connection whose application_name is the step's name: record.sh makes rows of the server's log. What is written is
rolled back.
"""
import asyncio, datetime as dt, os, sys, uuid
from decimal import Decimal as D
import sqlalchemy as sa
from sqlalchemy import (BigInteger, DateTime, ForeignKey, Integer, Numeric, String, Text, Uuid, and_, bindparam, case, cast,
                        delete, desc, distinct, exists, extract, func, insert, inspect, literal, not_, null, or_, select,
                        text, tuple_, union, union_all, update, values)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, array, distinct_on, insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import (DeclarativeBase, Session, aliased, contains_eager, defer, joinedload, lazyload, load_only,
                            mapped_column, relationship, selectinload, subqueryload, undefer)

dsn = dict(part.split("=", 1) for part in os.environ["DAY_DSN"].split())
driver = sys.argv[1]

class Base(DeclarativeBase): pass

class Customer(Base):
    __tablename__ = "customers"
    id = mapped_column(Integer, primary_key=True, autoincrement=False)
    name, email, phone, iban = (mapped_column(Text) for _ in range(4))
    ext_id, created_at = mapped_column(Uuid), mapped_column(DateTime(timezone=True))
    orders = relationship("Order", back_populates="customer", order_by="Order.id")

class Order(Base):
    __tablename__ = "orders"
    id = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    order_no, order_ref = mapped_column(BigInteger), mapped_column(Text)
    customer_id = mapped_column(ForeignKey("customers.id"))
    total, created_at = mapped_column(Numeric(12, 2)), mapped_column(DateTime(timezone=True))
    meta = mapped_column(JSONB)
    customer = relationship(Customer, back_populates="orders")
    payments = relationship("Payment", back_populates="order", order_by="Payment.created_us")

class CardOwner(Base):
    """The card table as a service maps it that has no business with numbers."""
    __tablename__ = "cards"
    id, holder = mapped_column(Integer, primary_key=True), mapped_column(Text)
    payments = relationship("Payment", back_populates="card")

class Payment(Base):
    __tablename__ = "payments"
    id = mapped_column(Uuid, primary_key=True)
    card_id, order_id = mapped_column(ForeignKey("cards.id")), mapped_column(ForeignKey("orders.id"))
    amount = mapped_column(Numeric(12, 2))
    currency, status, auth_code, rrn, token = (mapped_column(Text) for _ in range(5))
    created_us = mapped_column(BigInteger)
    order, card = relationship(Order, back_populates="payments"), relationship(CardOwner, back_populates="payments")

class Full(DeclarativeBase): pass

class Card(Full):
    __tablename__ = "cards"
    id = mapped_column(Integer, primary_key=True)
    holder, pan, cvv, exp = (mapped_column(Text) for _ in range(4))
    pan_num = mapped_column(Numeric)

class Note(Full):
    __tablename__ = "notes"
    id, body = mapped_column(Integer, primary_key=True, autoincrement=False), mapped_column(Text)

orders, customers, owners, payments = (c.__table__ for c in (Order, Customer, CardOwner, Payment))
cards = Card.__table__
events = sa.table("events", *(sa.column(n) for n in ("id", "kind", "trace_id", "ns")), sa.column("payload", JSONB))
UTC = dt.timezone.utc
FEB, DAY = dt.datetime(2026, 2, 1, tzinfo=UTC), dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
UID = uuid.UUID("99999999-2222-4333-8444-555555555555")

def shown(pan): return pan[:6] + "*" * (len(pan) - 10) + pan[-4:]

STEPS = {}
def step(f): STEPS[f.__name__] = f; return f
def run(s, *statements):
    for statement in statements: s.execute(statement).all()

# What a program runs at its start.
@step
def reflect(s):
    i = inspect(s.connection())
    i.get_schema_names(), i.get_table_names(), i.get_view_names(), i.get_materialized_view_names(), i.get_sequence_names()
    for name in ("orders", "cards"):
        i.get_columns(name), i.get_pk_constraint(name), i.get_foreign_keys(name), i.get_indexes(name)
        i.get_unique_constraints(name), i.get_check_constraints(name), i.get_table_comment(name)
    i.get_view_definition("v_cards"), i.has_table("payments"), i.get_enums()
@step
def reflect_all(s): sa.MetaData().reflect(s.connection())
@step
def create_all_checks(s): Base.metadata.create_all(s.connection())
@step
def ping(s): run(s, select(1), text("SELECT 1"))

# Reading through the ORM.
@step
def order_list(s): s.scalars(select(Order).order_by(Order.id)).all()
@step
def order_get(s): s.get(Order, 1), s.get(Order, 4711)
@step
def order_one(s): s.scalars(select(Order).where(Order.order_no == 2026010200000017)).one(), s.scalars(select(Order).filter_by(id=99)).one_or_none()
@step
def order_filter(s):
    run(s, select(Order).where(Order.total >= D("5.00"), Order.total < 100).order_by(Order.total.desc()),
        select(Order).where(Order.customer_id != 1).order_by(Order.id), select(Order).where(Order.id.in_([1, 2, 3])).order_by(Order.id),
        select(Order).where(Order.id.not_in([1])).order_by(Order.id), select(Order).where(Order.id.between(2, 3)).order_by(Order.id),
        select(Order).where(or_(Order.total > 100, and_(not_(Order.customer_id == 2), Order.meta["source"].astext == "web"))).order_by(Order.id))
@step
def order_text(s):
    run(s, select(Order.id).where(Order.order_ref.like("ORD-2026%")).order_by(Order.id), select(Order.id).where(Order.order_ref.ilike("%0102%")),
        select(Order.id).where(Order.order_ref.startswith("ORD")).order_by(Order.id), select(Order.id).where(Order.order_ref.contains("42", autoescape=True)),
        select(Order.id).where(Order.order_ref.regexp_match(r"^ORD-\d{4}-02")).order_by(Order.id), select(Order.id).where(func.lower(Order.order_ref) == "ord-8800-1122-3344-5566"))
@step
def order_null(s): run(s, select(Order.id).where(Order.meta.is_not(None)).order_by(Order.id), select(Customer).where(Customer.phone.is_(None)), select(Order.id).where(Order.customer_id.is_distinct_from(1)).order_by(Order.id))
@step
def order_dates(s):
    run(s, select(Order).where(Order.created_at >= FEB).order_by(Order.id), select(Order.id).where(extract("month", Order.created_at) == 2).order_by(Order.id),
        select(func.date_trunc(text("'day'"), Order.created_at).label("d"), func.count()).group_by(text("d")).order_by("d"),
        select(Order.id).where(cast(Order.created_at, sa.Date) == dt.date(2026, 2, 3)), select(Order.created_at + dt.timedelta(days=3)).order_by(Order.id))
@step
def order_json(s):
    run(s, select(Order.id).where(Order.meta["cart"]["items"].astext.cast(Integer) == 3), select(Order.id).where(Order.meta.has_key("cart")).order_by(Order.id),
        select(Order.id).where(Order.meta.contains({"source": "app"})).order_by(Order.id), select(Order.meta[("cart", "items")].as_integer()).order_by(Order.id),
        select(Order.meta["source"].as_string()).order_by(Order.id))
@step
def order_joinedload(s): s.scalars(select(Order).options(joinedload(Order.customer)).order_by(Order.id)).all()
@step
def customer_joinedload(s): s.scalars(select(Customer).options(joinedload(Customer.orders).joinedload(Order.payments)).order_by(Customer.id)).unique().all()
@step
def customer_selectinload(s): s.scalars(select(Customer).options(selectinload(Customer.orders).selectinload(Order.payments)).order_by(Customer.id)).all()
@step
def customer_subqueryload(s): s.scalars(select(Customer).options(subqueryload(Customer.orders)).order_by(Customer.id)).all()
@step
def customer_lazy(s): [[o.order_ref for o in c.orders] for c in s.scalars(select(Customer).order_by(Customer.id))]
@step
def order_contains_eager(s): s.scalars(select(Order).join(Order.customer).options(contains_eager(Order.customer)).where(Customer.name.contains("Berg")).order_by(Order.id)).all()
@step
def order_join(s):
    run(s, select(Order.id, Customer.email).join(Customer).order_by(Order.id), select(Customer.id, Order.id).outerjoin(Order, and_(Order.customer_id == Customer.id, Order.total > 100)).order_by(Customer.id),
        select(Order.id).join_from(Order, Payment, Payment.order_id == Order.id).where(Payment.status == "captured"))
@step
def order_self_join(s):
    a, b = aliased(Order), aliased(Order)
    run(s, select(a.id, b.id).join(b, and_(a.customer_id == b.customer_id, a.id < b.id)))
@step
def relationship_exists(s): run(s, select(Customer.id).where(Customer.orders.any(Order.total > 100)), select(Order.id).where(Order.customer.has(Customer.name.like("Ann%"))), select(Customer.id).where(~Customer.orders.any()))
@step
def order_page(s): s.scalar(select(func.count()).select_from(Order)), run(s, select(Order).order_by(Order.created_at.desc(), Order.id).limit(2).offset(1), select(Order.id).order_by(Order.id).fetch(2))
@step
def order_aggregate(s):
    run(s, select(func.count(Order.id), func.sum(Order.total), func.avg(Order.total), func.min(Order.total), func.max(Order.created_at)), select(func.count(distinct(Order.customer_id))),
        select(func.count().filter(Order.total > 50), func.coalesce(func.sum(Order.total).filter(Order.id == 99), 0)))
@step
def customer_group(s):
    run(s, select(Customer.name, func.count(Order.id), func.sum(Order.total)).join(Order, isouter=True).group_by(Customer.id).order_by(Customer.id),
        select(Order.customer_id, func.count().label("n")).group_by(Order.customer_id).having(func.count() > 1), select(Customer, func.count(Order.id)).outerjoin(Order).group_by(Customer.id).order_by(Customer.id),
        select(Order.customer_id, func.sum(Order.total)).group_by(func.rollup(Order.customer_id)).order_by(Order.customer_id.nulls_last()))
@step
def order_distinct(s): run(s, select(Order.customer_id).distinct().order_by(Order.customer_id), select(Order).ext(distinct_on(Order.customer_id)).order_by(Order.customer_id, Order.created_at.desc()))
@step
def order_set(s):
    a, b = select(Order.id).where(Order.total < 10), select(Order.id).where(Order.customer_id == 1)
    run(s, union(a, b).order_by("id"), union_all(a, b).order_by("id"), sa.intersect(a, b), sa.except_(b, a))
@step
def order_case(s):
    size = case((Order.total >= 100, "large"), (Order.total >= 10, "middle"), else_="small").label("size")
    run(s, select(Order.id, size).order_by(Order.id), select(func.sum(case((Order.customer_id == 2, Order.total), else_=0))), select(case({1: "one", 2: "two"}, value=Order.id, else_="many")).order_by(Order.id))
@step
def subqueries(s):
    newest = select(Order.order_ref).where(Order.customer_id == Customer.id).order_by(Order.created_at.desc()).limit(1).scalar_subquery()
    by = select(Order.customer_id, func.sum(Order.total).label("spent")).group_by(Order.customer_id)
    sub, cte = by.subquery("by"), by.cte("by")
    run(s, select(Customer.id, newest).order_by(Customer.id), select(Customer.name, sub.c.spent).join(sub, sub.c.customer_id == Customer.id).order_by(Customer.id),
        select(Customer.name, cte.c.spent).join(cte, cte.c.customer_id == Customer.id).order_by(Customer.id),
        select(Order.id).where(Order.customer_id.in_(select(Customer.id).where(Customer.email.endswith("@example.com")))).order_by(Order.id),
        select(Customer.id).where(exists().where(Order.customer_id == Customer.id, Order.total > 100)))
@step
def recursive(s):
    n = select(literal(1).label("n")).cte("n", recursive=True)
    n = n.union_all(select(n.c.n + 1).where(n.c.n < 5))
    run(s, select(func.sum(n.c.n)))
@step
def lateral(s):
    top = select(Order.id, Order.total).where(Order.customer_id == Customer.id).order_by(Order.total.desc()).limit(1).lateral("top")
    run(s, select(Customer.id, top.c.total).join(top, sa.true()).order_by(Customer.id))
@step
def windows(s):
    w = dict(partition_by=Order.customer_id, order_by=Order.created_at)
    run(s, select(Order.id, func.row_number().over(**w), func.sum(Order.total).over(**w), func.lag(Order.total).over(**w)).order_by(Order.id),
        select(Order.id, func.avg(Order.total).over(order_by=Order.id, rows=(-1, 0))).order_by(Order.id), select(func.percentile_cont(0.5).within_group(Order.total)))
@step
def functions(s):
    run(s, select(func.upper(Customer.name) + " <" + Customer.email + ">").order_by(Customer.id), select(func.coalesce(func.nullif(Customer.phone, ""), "none")).order_by(Customer.id),
        select(cast(Order.order_no, String), func.round(Order.total), Order.total * D("1.19"), Order.order_no % 10000).order_by(Order.id), select(func.concat_ws("/", Order.order_ref, Order.id)).order_by(Order.id),
        select(func.array_agg(aggregate_order_by(Order.order_ref, Order.id))), select(func.string_agg(Order.order_ref, aggregate_order_by(literal(", "), Order.id))), select(func.jsonb_agg(aggregate_order_by(Order.id, Order.id))),
        select(func.json_build_object("id", Order.id, "t", Order.total)).order_by(Order.id), select(array([1, 2]) + array([3])), select(func.unnest(array([1, 2, 3]))))
@step
def table_values(s):
    v = values(sa.column("id", Integer), sa.column("label", String), name="v").data([(1, "one"), (2, "two")])
    run(s, select(v.c.label, Customer.name).join(Customer, Customer.id == v.c.id).order_by(v.c.id), select(Order.id).where(tuple_(Order.id, Order.customer_id).in_([(1, 1), (2, 2)])).order_by(Order.id),
        select(func.generate_series(1, 5)), select(func.json_each_text(cast({"a": 1}, sa.JSON)).table_valued("key", "value")))
@step
def order_load_only(s): s.scalars(select(Order).options(load_only(Order.order_ref)).order_by(Order.id)).all(), s.scalars(select(Order).options(defer(Order.meta)).order_by(Order.id)).all()
@step
def order_stream(s): list(s.connection().execution_options(stream_results=True, max_row_buffer=2).execute(select(orders.c.id, orders.c.total).order_by(orders.c.id)))
@step
def order_text_sql(s): run(s, text("SELECT customer_id, sum(total) FROM orders WHERE order_ref LIKE :like GROUP BY 1 ORDER BY 1").bindparams(like="ORD-%"), text("SELECT id FROM orders WHERE id = ANY(:ids) ORDER BY id").bindparams(bindparam("ids", [1, 2], ARRAY(Integer))))
@step
def legacy_query(s): s.query(Order).filter(Order.total > 6).order_by(Order.id).limit(2).all(), s.query(Order).count(), s.query(Order.id).filter_by(customer_id=2).order_by(Order.id).all(), s.query(s.query(Order).filter(Order.id == 1).exists()).scalar()
@step
def event_json(s): run(s, select(events.c.id).where(events.c.payload["ip"].astext == "10.0.0.1"), select(events.c.payload["gtin"].astext).order_by(events.c.id))

# The card table, its harmless columns.
@step
def owner_list(s): s.scalars(select(CardOwner).order_by(CardOwner.id)).all(), run(s, select(CardOwner.holder).where(CardOwner.holder.ilike("b%")))
@step
def owner_get(s): s.get(CardOwner, 3), s.scalar(select(func.count()).select_from(CardOwner))
@step
def owner_columns(s): run(s, select(cards.c.id, cards.c.holder).order_by(cards.c.id), select(cards.c.holder).where(cards.c.id.in_([1, 2])).order_by(cards.c.id), select(func.left(cards.c.holder, 1).label("initial"), func.count()).group_by("initial").order_by("initial"))
@step
def owner_load_only(s): s.scalars(select(Card).options(load_only(Card.holder)).order_by(Card.id)).all()
@step
def owner_payments(s):
    s.scalars(select(Payment).options(joinedload(Payment.card), joinedload(Payment.order)).order_by(Payment.created_us)).all()
    s.scalars(select(CardOwner).options(selectinload(CardOwner.payments)).order_by(CardOwner.id)).all()
    run(s, select(CardOwner.id, CardOwner.holder, func.count(Payment.id), func.coalesce(func.sum(Payment.amount), 0)).outerjoin(Payment).group_by(CardOwner.id).order_by(CardOwner.id),
        select(CardOwner.holder).where(CardOwner.payments.any(Payment.status == "declined")), select(CardOwner.holder).where(CardOwner.id.in_(select(Payment.card_id).where(Payment.currency == "EUR"))))
@step
def owner_window(s): run(s, select(CardOwner.id, func.rank().over(order_by=CardOwner.holder.desc())).order_by(CardOwner.id))
@step
def owner_page(s): run(s, select(CardOwner).order_by(CardOwner.id).limit(3).offset(3))
@step
def note_ids(s): run(s, select(Note.id).order_by(Note.id), select(func.count()).select_from(Note))
# Its classified columns.
@step
def card_list(s): s.scalars(select(Card).order_by(Card.id)).all()
@step
def card_get(s): s.get(Card, 2)
@step
def card_last4(s): run(s, select(cards.c.id, func.right(cards.c.pan, 4)).order_by(cards.c.id), select(cards.c.id, func.length(cards.c.pan)).order_by(cards.c.id))
@step
def card_undefer(s): s.scalars(select(Card).options(defer(Card.pan), defer(Card.pan_num), defer(Card.cvv), undefer(Card.exp)).order_by(Card.id)).all()
@step
def note_list(s): s.scalars(select(Note).order_by(Note.id)).all()

# Writing.
@step
def order_add(s): s.add(Order(id=101, order_no=2026030100000099, order_ref="ORD-2026-0301-0000-0099", customer_id=1, total=D("42.10"), created_at=DAY, meta={"source": "web"})), s.flush()
@step
def order_add_all(s): s.add_all([Order(id=i, order_ref=f"BULK-{i}", customer_id=1, total=i) for i in range(201, 205)]), s.flush()
@step
def order_change(s): o = s.get(Order, 1); o.total += D("1.50"); s.flush(); s.refresh(o)
@step
def order_change_many(s):
    for o in s.scalars(select(Order).order_by(Order.id)): o.total *= 2
    s.flush()
@step
def customer_cascade(s): s.add(Customer(id=3, name="Cyd Cole", orders=[Order(id=301, total=5), Order(id=302, total=6)])), s.flush()
@step
def order_delete(s): s.delete(s.get(Payment, uuid.UUID("11111111-2222-4333-8444-555555555555"))), s.flush()
@step
def order_merge(s): s.merge(Order(id=2, order_ref="ORD-2026-0203-0000-0043")), s.flush()
@step
def core_insert(s): s.execute(insert(orders).values(id=102, total=1)), s.execute(insert(orders).returning(orders.c.id), [{"id": 103, "total": 2}, {"id": 104, "total": 3}]).all(), s.execute(insert(orders).from_select(["id", "total"], select(orders.c.id + 1000, orders.c.total)))
@step
def core_update(s): s.execute(update(orders).where(orders.c.customer_id == 2).values(total=orders.c.total + 1)), s.execute(update(orders).where(orders.c.customer_id == customers.c.id, customers.c.name == "Bob Berg").values(order_ref=customers.c.name).returning(orders.c.id)).all()
@step
def core_update_case(s): s.execute(update(Order).values(total=case((Order.total > 100, Order.total * D("0.9")), else_=Order.total)).execution_options(synchronize_session=False))
@step
def orm_bulk_update(s): s.execute(update(Order), [{"id": 1, "total": 1}, {"id": 2, "total": 2}])
@step
def core_delete(s): s.execute(delete(orders).where(orders.c.total < 10)), s.execute(delete(payments).where(payments.c.order_id == orders.c.id, orders.c.id == 1).returning(payments.c.id)).all()
@step
def upsert(s):
    i = pg_insert(orders).values([{"id": 1, "total": 7}, {"id": 401, "total": 8}])
    s.execute(i.on_conflict_do_update(index_elements=["id"], set_={"total": i.excluded.total}, where=orders.c.total < 100).returning(orders.c.id, orders.c.total)).all()
    s.execute(pg_insert(customers).values(id=1, name="Twice").on_conflict_do_nothing())
@step
def lock(s): run(s, select(Order).where(Order.id == 1).with_for_update(), select(Order.id).order_by(Order.id).limit(2).with_for_update(skip_locked=True), select(Order.id).where(Order.id == 2).with_for_update(read=True, nowait=True), select(Order.id).join(Customer).where(Order.id == 2).with_for_update(of=Order, key_share=True))
@step
def savepoints(s):
    s.add(Customer(id=11, name="Outer")); s.flush()
    inner = s.begin_nested(); s.add(Customer(id=12, name="Inner")); s.flush(); inner.rollback()
    with s.begin_nested(): s.add(Customer(id=13, name="Kept"))
    run(s, select(Customer.id).order_by(Customer.id))
@step
def unique_violation(s):
    try:
        with s.begin_nested(): s.execute(insert(customers).values(id=1, name="Twice"))
    except IntegrityError: pass
    run(s, select(func.count()).select_from(Customer))
@step
def temp_table(s):
    s.execute(text("CREATE TEMPORARY TABLE basket (id integer, label text) ON COMMIT DROP"))
    basket = sa.table("basket", sa.column("id"), sa.column("label"))
    s.execute(insert(basket), [{"id": 1, "label": "a"}, {"id": 2, "label": "b"}])
    run(s, select(basket).order_by(basket.c.id))
@step
def owner_add(s): s.add(CardOwner(holder="Ivy Imes")), s.flush()
@step
def owner_add_with_id(s): s.add(CardOwner(id=901, holder="Jon Jung")), s.flush()
@step
def owner_change(s): s.get(CardOwner, 4).holder = "Dan Dunne"; s.flush()
@step
def owner_update(s): s.execute(update(owners).where(owners.c.id == 5).values(holder="Eve Eastman").returning(owners.c.id, owners.c.holder)).all(), s.execute(update(cards).where(cards.c.id == 6).values(holder=func.upper(cards.c.holder)))
@step
def owner_update_from(s): s.execute(update(owners).where(owners.c.id == customers.c.id).values(holder=customers.c.name))
@step
def owner_delete(s): s.delete(s.get(CardOwner, 8)), s.flush()
@step
def owner_upsert(s):
    i = pg_insert(owners).values(id=1, holder="Ann Alba-Ash")
    s.execute(i.on_conflict_do_update(index_elements=["id"], set_={"holder": i.excluded.holder}))
@step
def owner_lock(s): run(s, select(CardOwner).where(CardOwner.id == 1).with_for_update())
@step
def payment_of_owner(s): s.add(Payment(id=UID, card_id=2, order_id=3, amount=D("5.00"), currency="EUR", status="new", created_us=1770091506789099)), s.flush()
@step
def owner_of_loaded_card(s): s.get(Card, 3).holder = "Cyd Coleman"; s.flush()

# Loaded as a gateway shows it and saved with all columns.
@step
def writeback_update(s): c = s.get(Card, 1); s.execute(update(cards).where(cards.c.id == 1).values(holder="Ann Alba-Ash", pan=shown(c.pan), pan_num=D("4539570000001486"), cvv="***", exp="**/**"))
@step
def writeback_bulk(s): s.execute(update(Card), [{"id": c.id, "holder": c.holder, "pan": shown(c.pan), "cvv": "***", "exp": "**/**"} for c in s.scalars(select(Card).where(Card.id < 4).order_by(Card.id))])
@step
def writeback_merge(s): s.merge(Card(id=2, holder="Bob Berg", pan="555555******4444", pan_num=D("5555550000004444"), cvv="***", exp="**/**")), s.flush()
@step
def writeback_copy(s): s.add(Card(holder="Cyd Cole", pan="378282*****0005", cvv="***", exp="**/**")), s.flush()
@step
def writeback_add(s): s.add(Card(holder="Max Mill", pan="4111111111111111", pan_num=4111111111111111, cvv="123", exp="09/29")), s.flush()
@step
def writeback_upsert(s):
    i = pg_insert(cards).values(id=4, holder="Dan Dunn", pan="601100******9424", exp="**/**")
    s.execute(i.on_conflict_do_update(index_elements=["id"], set_=dict(holder=i.excluded.holder, pan=i.excluded.pan, exp=i.excluded.exp)))
@step
def writeback_null(s): s.get(Card, 5).cvv = None; s.flush()
@step
def writeback_from_select(s): s.execute(insert(cards).from_select(["holder", "pan", "exp"], select(cards.c.holder, cards.c.pan, cards.c.exp).where(cards.c.id == 1)))
@step
def writeback_note(s): s.get(Note, 2).body = "***"; s.flush()

current = None
def work_through(engine):
    @sa.event.listens_for(engine, "do_connect")
    def name_it(dialect, record, args, kwargs):
        if driver == "asyncpg": kwargs["server_settings"] = {"application_name": current}
        else: kwargs["application_name"] = current
    return engine

def one(bind, name):
    with Session(bind) as s: STEPS[name](s); s.rollback()

url = sa.URL.create(f"postgresql+{driver}", dsn["user"], dsn["password"], dsn["host"], int(dsn["port"]), dsn["dbname"])
async def asynchronous():
    global current
    engine = create_async_engine(url, poolclass=sa.NullPool)
    work_through(engine.sync_engine)
    for current in STEPS:
        async with engine.connect() as c: await c.run_sync(lambda bind: one(bind, current))

if driver == "asyncpg": asyncio.run(asynchronous())
else:
    engine = work_through(sa.create_engine(url, poolclass=sa.NullPool))
    for current in STEPS:
        try: one(engine, current)
        except Exception as fault: sys.exit(f"step {current}: {fault!r}")
