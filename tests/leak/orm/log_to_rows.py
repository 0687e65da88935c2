#!/usr/bin/env python3
"""Turns a server log into rows of a benign corpus (name, sql, expect).

  log_to_rows.py OUT.tsv PREFIX=LOG.json... [--write-back OUT.tsv] [--oids OIDS.tsv]

LOG.json   what PostgreSQL writes with log_destination = 'jsonlog' and log_statement = 'all'.
PREFIX     stands before each name. A name is the application_name that the recording script set for a step, so each
           step needs its own; statements of other applications (empty name, or one that starts with '-') are left out.
           What an earlier log has already is left out too.
OIDS.tsv   oid and name ('orders'::regclass) of what the schema makes: an oid in a statement is turned into the name,
           since it would be another in the next database.

A statement outside a transaction is one row; a transaction that writes, locks or keeps something is one row, its parts
separated by '; ', and one that only reads is a row a statement. A row that writes undoes itself: it ends in ROLLBACK
where the client said COMMIT. Parameters of the extended protocol: with one
such statement in a row they stay parameters (PREPARE, then EXECUTE), with more they are put in as literals.
Steps named writeback… go to the write-back file, only their writes, to be refused.
"""
import argparse, csv, json, re

TOKEN = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|\s+)""", re.S)
PARAMETER = re.compile(r"\$(\d+) = ('(?:[^']|'')*'|NULL)")
WRITES = re.compile(r"^(with\b.*)?\b(insert|update|delete|merge|create|alter|drop|truncate)\b", re.I)
PREPARABLE = re.compile(r"(select|insert|update|delete|merge|values|with)\b", re.I)
OPENS = re.compile(r"^(begin|start transaction)\b", re.I)
CLOSES = re.compile(r"^(commit|end|rollback|abort)\b(?!.*\bto\b)", re.I)
CLASSIFIED = {"cards": r"pan|pan_num|cvv|exp|reference", "notes": r"body", "txn_log": r"payload|raw"}

def one_line(sql):
    """Comments to the end of the line and needless white space go; quoted text stays as it is."""
    out = []
    for token in TOKEN.split(sql):
        out.append(" " if token[:2] == "--" or token.isspace() else token)
    return re.sub(r"^;|;$", "", re.sub(r" {2,}", " ", "".join(out)).strip()).strip()

def outside_quotes(sql, change):
    return "".join(t if i % 2 else change(t) for i, t in enumerate(TOKEN.split(sql)))

def inline(sql, values):
    return outside_quotes(sql, lambda t: re.sub(r"\$(\d+)", lambda m: values.get(m[1], "NULL"), t))

def expect(sql):
    """What a gateway has to answer. A serial key drawn by an insert differs from run to run, so only its shape counts."""
    found, sql = "same", re.sub(r"'(?:[^']|'')*'", "''", sql)
    for table, columns in CLASSIFIED.items():
        if re.search(rf"\b(v_)?{table}\b", sql):
            found = "aggr" if found == "same" else found
            if re.search(rf"\b({columns})\b", sql) or re.search(r"select \*|[\w\"]\.\*", sql, re.I): found = "masked"
    if re.search(r"insert into \"?(public\"?\.\"?)?cards\b\"? *\((?!\"?id\b(?!.*default)).*returning", sql, re.I): found = "masked"
    return found

class Row:
    def __init__(self, name): self.name, self.parts, self.open, self.held = name, [], False, False
    def add(self, sql, values): self.parts.append((sql, values))
    def writes(self): return any(WRITES.match(s) for s, _ in self.parts)
    def split(self):
        """The rows of a transaction that only reads: each of its statements in its own."""
        inside = self.parts[1:-1] if OPENS.match(self.parts[0][0]) and CLOSES.match(self.parts[-1][0]) else []
        if len(inside) < 2 or any(WRITES.match(s) or not re.match(r"(select|show|with)\b(?!.*\bfor (no key |key )?(update|share))", s, re.I) for s, _ in inside):
            return [self]
        out = []
        for part in inside:
            out.append(Row(self.name))
            out[-1].parts = [self.parts[0], part, self.parts[-1]]
        return out
    def text(self):
        with_values = [i for i, (_, v) in enumerate(self.parts) if v]
        parts = [s for s, _ in self.parts]
        first = []
        # A dollar sign in a later part would hide where the parts are divided.
        if len(with_values) == 1 and PREPARABLE.match(parts[with_values[0]]) and not any(
                "$" in v for v in self.parts[with_values[0]][1].values()):
            at = with_values[0]
            sql, values = self.parts[at]
            first = [f"PREPARE recorded AS {sql}"]
            listed = ", ".join(values[k] for k in sorted(values, key=int))
            parts[at] = f"EXECUTE recorded({listed})"
        else:
            parts = [inline(s, v) if v else s for s, v in self.parts]
        if self.writes():
            parts = ["ROLLBACK" if CLOSES.match(p) else p for p in parts]
            if not OPENS.match(parts[0]): parts = ["BEGIN"] + parts
            if not CLOSES.match(parts[-1]): parts.append("ROLLBACK")
        return "; ".join(first + parts)

def statements(path):
    """(application, process, sql, parameters) in the order of the log."""
    for line in open(path, encoding="utf8"):
        entry = json.loads(line)
        said = re.match(r"(?:statement|execute [^:]*): (.*)", entry.get("message", ""), re.S)
        name = entry.get("application_name", "")
        if said and name and not name.startswith("-") and not name.startswith("psql -"):
            values = {m[1]: m[2] for m in PARAMETER.finditer(entry.get("detail", ""))}
            yield name, entry["pid"], one_line(said[1]), values

def named(value, oids):
    """A parameter that is such an oid, or an array of such, by name."""
    found = re.fullmatch(r"'(\{?)([\d,]+)\}?'", value)
    if not found or not any(oid in oids for oid in found[2].split(",")): return value
    names = ", ".join(oids.get(o, o) for o in found[2].split(","))
    return f"ARRAY[{names}]::oid[]" if found[1] else f"{names}::oid"

def grouped(log, oids):
    rows, current = [], {}
    for name, pid, sql, values in statements(log):
        sql = re.sub(r"\b(_django_curs_|s|c_)(?:\d{9,}|[0-9a-f]{12})(?=_)", r"\g<1>1", sql)  # addresses in memory
        if not sql or re.match(r"(set application_name|deallocate)\b", sql, re.I): continue
        for oid, name_of_it in oids.items():
            sql = re.sub(rf"'{oid}'|\b{oid}\b", name_of_it, sql)
        values = {n: named(v, oids) for n, v in values.items()}
        row = current.get(pid)
        if row is None or not row.open:
            row = current[pid] = Row(name)
            rows.append(row)
        row.add(sql, values)
        if not row.held: row.open = bool(OPENS.match(sql)) or (row.open and not CLOSES.match(sql))
        # A cursor WITH HOLD lives outside a transaction, until it is closed.
        if not row.open and re.match(r"declare\b.*\bwith hold\b", sql, re.I): row.open = row.held = True
        elif row.held and re.match(r"close\b", sql, re.I): row.open = row.held = False
    return [one for row in rows for one in row.split()]

def write(path, rows):
    with open(path, "w", encoding="utf8", newline="") as f:
        out = csv.writer(f, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        out.writerow(["name", "sql", "expect"])
        out.writerows(rows)

def numbered(rows):
    seen, count, out = set(), {}, []
    for name, text, wanted in rows:
        if text in seen or "\n" in text or "\t" in text: continue
        seen.add(text)
        count[name] = count.get(name, 0) + 1
        out.append((name if count[name] == 1 else f"{name}_{count[name]}", text, wanted))
    return out

if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out"); p.add_argument("logs", nargs="+")
    p.add_argument("--write-back"); p.add_argument("--oids")
    args = p.parse_args()
    oids = dict(l.rstrip("\n").split("\t") for l in open(args.oids, encoding="utf8")) if args.oids else {}
    benign, back = [], []
    for prefix, log in (l.split("=", 1) for l in args.logs):
        for row in grouped(log, oids):
            name = f"{prefix}_{row.name}"
            if row.name.startswith("writeback"):
                row.parts = [p for p in row.parts if WRITES.match(p[0])]
                if row.parts: back.append((name, row.text(), "refused"))
            else:
                benign.append((name, row.text(), expect(row.text())))
    write(args.out, numbered(benign))
    if args.write_back: write(args.write_back, numbered(back))
