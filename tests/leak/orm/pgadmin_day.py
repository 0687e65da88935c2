#!/usr/bin/env python3
"""What pgAdmin 4 and pgcli ask while somebody opens a database and clicks through its tables, for it to be recorded.

  DAY_DSN="host=127.0.0.1 port=5432 dbname=app_a user=dev password=dev" pgadmin_day.py [PGADMIN_DIR]

PGADMIN_DIR is the folder pgadmin4/pgadmin of pgAdmin's wheel (only its SQL templates are read; they are rendered here as
pgAdmin does for a PostgreSQL 15); without it only pgcli is recorded. Needs psycopg, jinja2, pgcli. Each step is one
connection whose application_name is the step's name: record.sh makes rows of the server's log.
"""
import os, sys
import psycopg
from jinja2 import Environment, FileSystemLoader

dsn = dict(part.split("=", 1) for part in os.environ["DAY_DSN"].split())
SERVERS = "browser/server_groups/servers"
SCHEMAS = f"{SERVERS}/databases/schemas"
TABLES = f"{SCHEMAS}/tables/templates"

def connect(name):
    return psycopg.connect(" ".join(f"{k}={v}" for k, v in dsn.items()), application_name=name, autocommit=True)

def pgadmin(root):
    with connect("-oids") as c:
        oid = {n: c.execute("SELECT %s::regclass::oid", (n,)).fetchone()[0] for n in ("orders", "cards", "v_cards", "cards_pkey", "cards_id_seq")}
    shared = dict(conn=None, did=f"(SELECT oid FROM pg_database WHERE datname = '{dsn['dbname']}')", scid=2200, datlastsysoid=16383, last_system_oid=16383, parent_id=2200)
    table = {**shared, "tid": oid["orders"]}
    cards = {**shared, "tid": oid["cards"]}
    steps = [
        ("databases", f"{SERVERS}/databases/templates", "databases/sql/default/nodes.sql", {**shared, "did": None, "db_restrictions": "'app_a'"}),
        ("schemas", f"{SCHEMAS}/templates", "schemas/pg/default/sql/nodes.sql", {**shared, "scid": None}),
        ("schema", f"{SCHEMAS}/templates", "schemas/pg/default/sql/nodes.sql", shared),
        ("schema_acl", f"{SCHEMAS}/templates", "schemas/pg/default/sql/acl.sql", shared),
        ("tables", TABLES, "tables/sql/default/nodes.sql", shared),
        ("table_count", TABLES, "tables/sql/default/count.sql", shared),
        ("table", TABLES, "tables/sql/default/properties.sql", table),
        ("table_cards", TABLES, "tables/sql/default/properties.sql", cards),
        ("table_schema", TABLES, "tables/sql/default/get_schema.sql", table),
        ("table_acl", TABLES, "tables/sql/default/acl.sql", table),
        ("table_columns", TABLES, "tables/sql/default/get_columns_for_table.sql", cards),
        ("table_inherits", TABLES, "tables/sql/default/get_inherits.sql", shared),
        ("columns", TABLES, "columns/sql/default/nodes.sql", table),
        ("columns_cards", TABLES, "columns/sql/default/nodes.sql", cards),
        ("column", TABLES, "columns/sql/default/properties.sql", {**cards, "clid": 2}),
        ("column_count", TABLES, "columns/sql/default/count.sql", table),
        ("indexes", TABLES, "indexes/sql/default/nodes.sql", {**cards, "show_sys_objects": True}),
        ("index_constraints", TABLES, "index_constraint/sql/default/nodes.sql", {**cards, "constraint_type": "p"}),
        ("checks", TABLES, "check_constraint/sql/default/nodes.sql", table),
        ("foreign_keys", TABLES, "foreign_key/sql/default/nodes.sql", table),
        ("triggers", TABLES, "triggers/sql/pg/default/nodes.sql", table),
        ("rules", TABLES, "rules/sql/nodes.sql", table),
        ("policies", TABLES, "row_security_policies/sql/default/nodes.sql", table),
        ("views", f"{SCHEMAS}/views/templates", "views/pg/default/sql/nodes.sql", shared),
        ("sequences", f"{SCHEMAS}/sequences/templates", "sequences/sql/default/nodes.sql", shared),
        ("types", f"{SCHEMAS}/types/templates", "types/pg/sql/default/nodes.sql", shared),
        ("collations", f"{SCHEMAS}/collations/templates", "collations/sql/default/nodes.sql", shared),
        ("aggregates", f"{SCHEMAS}/aggregates/templates", "aggregates/sql/default/nodes.sql", shared),
        ("operators", f"{SCHEMAS}/operators/templates", "operators/sql/default/nodes.sql", shared),
        ("fts", f"{SCHEMAS}/fts_configurations/templates", "fts_configurations/sql/default/nodes.sql", shared),
        ("casts", f"{SERVERS}/databases/casts/templates", "casts/sql/default/nodes.sql", shared),
        ("event_triggers", f"{SERVERS}/databases/event_triggers/templates", "event_triggers/sql/default/nodes.sql", shared),
        ("tablespaces", f"{SERVERS}/tablespaces/templates", "tablespaces/sql/default/nodes.sql", shared),
        ("roles", f"{SERVERS}/roles/templates", "roles/sql/default/nodes.sql", shared),
        ("primary_keys", "tools/sqleditor/templates", "sqleditor/sql/default/primary_keys.sql", {**cards, "obj_id": oid["cards"]}),
        ("row_count", TABLES, "tables/sql/default/get_table_row_count.sql", {**table, "data": {"schema": "public", "name": "orders"}}),
    ]
    for name, folder, template, values in steps:
        folders = [os.path.join(root, folder), os.path.join(root, SCHEMAS, "templates"), os.path.join(root, SERVERS, "templates"), os.path.join(root, "templates")]
        env = Environment(loader=FileSystemLoader(folders), extensions=["jinja2.ext.do"])
        env.filters["qtLiteral"] = lambda v, conn, force=False: str(v) if isinstance(v, int) and not force else "'" + str(v).replace("'", "''") + "'"
        env.filters["qtIdent"] = lambda conn, *names: ".".join(names)
        sql = env.get_template(template).render(**values)
        with connect(f"pgadmin_{name}") as c: c.execute(sql).fetchall()
    with connect("pgadmin_connect") as c:
        for sql in ("SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='UTF8';", "SELECT version()"): c.execute(sql)
    for name, sql in (("view_data", "SELECT * FROM public.orders ORDER BY id ASC"), ("view_first", "SELECT * FROM public.orders ORDER BY id ASC LIMIT 100"),
                      ("view_filtered", "SELECT * FROM public.orders WHERE total > 10 ORDER BY id ASC"), ("view_cards", "SELECT * FROM public.cards ORDER BY id ASC LIMIT 100")):
        with connect(f"pgadmin_{name}") as c: c.execute(sql).fetchall()

def pgcli():
    from pgcli.pgexecute import PGExecute
    from pgspecial.main import PGSpecial
    def executor(name):
        return PGExecute(dsn["dbname"], dsn["user"], dsn["password"], dsn["host"], dsn["port"], application_name=f"pgcli_{name}")
    for name in ("search_path", "schemata", "tables", "table_columns", "views", "view_columns", "databases", "full_databases", "foreignkeys", "functions", "datatypes", "casing"):
        e = executor(name)
        found = getattr(e, name)()
        list(found if found is not None else [])
    e = executor("view_definition"); e.view_definition("v_cards")
    e = executor("function_definition"); e.function_definition("card_ref")
    for command in (r"\d", r"\d cards", r"\d+ orders", r"\d v_cards", r"\dt", r"\dv", r"\di", r"\ds", r"\df", r"\dn", r"\du", r"\dx", r"\l", r"\dT", r"\dD", r"\dp", r"\dF", r"\db"):
        e = executor(command.strip("\\").replace(" ", "_").replace("+", "_plus"))
        for title, cursor, headers, status in PGSpecial().execute(e.conn.cursor(), command):
            if hasattr(cursor, "fetchall") and cursor.description: cursor.fetchall()

if len(sys.argv) > 1: pgadmin(sys.argv[1])
pgcli()
