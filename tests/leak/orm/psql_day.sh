#!/usr/bin/env bash
# The catalogue queries of psql's backslash commands, for them to be recorded. PG* variables name the database.
# Each command is one connection whose application_name is the step's name: record.sh makes rows of the server's log.
set -euo pipefail
step() { # name command
  PGAPPNAME="$1" psql -X -q -At -o /dev/null -c "$2"
}
while IFS=$'\t' read -r name command; do step "$name" "$command"; done <<'COMMANDS'
d	\d
d_cards	\d cards
d_orders	\d+ orders
d_v_cards	\d+ v_cards
d_index	\d orders_pkey
d_sequence	\d cards_id_seq
dt	\dt
dt_plus_pattern	\dt public.o*
dv	\dv
dm	\dm
di	\di
di_pattern	\di public.*
ds	\ds
df	\df
df_pattern	\df public.card_ref
da	\da count
dn	\dn
dn_plus	\dn+
du	\du
dp	\dp orders
ddp	\ddp
l	\l
dT	\dT
dD	\dD
do	\do pg_catalog.~~
dC	\dC int4
dx	\dx
dy	\dy
db	\db
dc	\dc public.*
dO	\dO public.*
dF	\dF
dL	\dL
des	\des
det	\det
dRp	\dRp
drds	\drds
dE	\dE
dconfig	\dconfig max_identifier_length
dA	\dA
dAc	\dAc btree int4
sf	\sf card_ref
sv	\sv v_cards
dd	\dd
dg	\dg dev
dP	\dP
dl	\dl
conninfo	\conninfo
COMMANDS
