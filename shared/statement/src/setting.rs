//! Changes of settings (GUCs): SET, RESET and `set_config`.

use pb::VariableSetKind as K;
use pb::a_const::Val;
use pg_query::NodeEnum;
use pg_query::protobuf as pb;

use crate::facts::{Opaque, Setting, SettingAct, SettingValue};
use crate::verb::Verb;
use crate::walk::{MAX_NAMES, Walker};

impl Walker {
    fn setting(&mut self, name: &str, act: SettingAct, local: bool) {
        if self.facts.settings.len() >= MAX_NAMES {
            self.opaque(Opaque::TooManyNames);
            return;
        }
        self.facts.settings.push(Setting { name: name.to_ascii_lowercase(), act, local });
    }
}

/// SET, RESET and SET clauses of ALTER ROLE, ALTER DATABASE, ALTER SYSTEM and functions.
pub(crate) fn from_set(set: &pb::VariableSetStmt, w: &mut Walker) {
    let kind = K::try_from(set.kind).unwrap_or(K::Undefined);
    w.verb(match kind {
        K::VarReset | K::VarResetAll => Verb::Reset,
        K::VarSetValue | K::VarSetDefault | K::VarSetCurrent | K::VarSetMulti | K::Undefined => Verb::Set,
    });
    match kind {
        K::VarSetValue => {
            let values: Option<Vec<String>> = set.args.iter().map(constant).collect();
            match values {
                Some(v) => {
                    w.setting(&set.name, SettingAct::To(SettingValue::new(v.join(", "))), set.is_local);
                }
                None => w.opaque(Opaque::ComputedSetting),
            }
        }
        // FROM CURRENT keeps in a definition what the session has; TO DEFAULT is RESET.
        K::VarSetDefault | K::VarSetCurrent | K::VarReset => {
            w.setting(&set.name, SettingAct::Reset, set.is_local);
        }
        // SET TRANSACTION and SET SESSION CHARACTERISTICS: isolation, read only, deferrable, snapshot.
        K::VarSetMulti => {
            let value = SettingAct::To(SettingValue::new(String::new()));
            w.setting(&set.name, value, set.is_local);
        }
        K::VarResetAll => w.setting("all", SettingAct::Reset, false),
        K::Undefined => w.opaque(Opaque::UnknownStatement),
    }
}

/// `set_config(name, value, is_local)` with constants; anything computed is opaque.
pub(crate) fn from_call(call: &pb::FuncCall, w: &mut Walker) {
    w.verb(Verb::Set);
    let [name, value, local] = call.args.as_slice() else {
        w.opaque(Opaque::ComputedSetting);
        return;
    };
    if let Some(name) = w.pg_dump_setting {
        w.setting(name, SettingAct::To(SettingValue::new(PG_DUMP.1.to_owned())), false);
        return;
    }
    let (Some(name), Some(value), Some(local)) = (constant(name), constant(value), boolean(local)) else {
        w.opaque(Opaque::ComputedSetting);
        return;
    };
    w.setting(&name, SettingAct::To(SettingValue::new(value)), local);
}

/// What pg_dump 17 sets where the server has it, by `SELECT set_config(name, '…', false) FROM pg_settings WHERE name =
/// '…'`. Name and value are fixed here: whatever `pg_settings` means, nothing else can be set in this way.
const PG_DUMP: (&str, &str) = ("restrict_nonsystem_relation_kind", "view, foreign-table");

/// The setting that a statement of exactly pg_dump's shape changes.
pub(crate) fn of_pg_dump(raw: &pb::RawStmt) -> Option<&'static str> {
    let NodeEnum::SelectStmt(select) = raw.stmt.as_ref()?.node.as_ref()? else { return None };
    let ([target], [from], Some(filter)) = (&*select.target_list, &*select.from_clause, &select.where_clause)
    else {
        return None;
    };
    let plain = select.with_clause.is_none()
        && select.distinct_clause.is_empty()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.sort_clause.is_empty()
        && select.larg.is_none();
    let NodeEnum::RangeVar(table) = from.node.as_ref()? else { return None };
    let NodeEnum::ResTarget(target) = target.node.as_ref()? else { return None };
    let NodeEnum::FuncCall(call) = target.val.as_ref()?.node.as_ref()? else { return None };
    let [name, value, local] = call.args.as_slice() else { return None };
    let NodeEnum::AExpr(filter) = filter.node.as_ref()? else { return None };
    let matches = plain
        && table.relname == "pg_settings"
        && is_name_column(name)
        && constant(value)? == PG_DUMP.1
        && boolean(local) == Some(false)
        && is_name_column(filter.lexpr.as_ref()?)
        && constant(filter.rexpr.as_ref()?)? == PG_DUMP.0;
    matches.then_some(PG_DUMP.0)
}

fn is_name_column(node: &pb::Node) -> bool {
    let Some(NodeEnum::ColumnRef(column)) = &node.node else { return false };
    let [field] = column.fields.as_slice() else { return false };
    matches!(&field.node, Some(NodeEnum::String(s)) if s.sval == "name")
}

fn constant(node: &pb::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::AConst(c) => Some(match c.val.as_ref()? {
            Val::Ival(i) => i.ival.to_string(),
            Val::Fval(f) => f.fval.clone(),
            Val::Boolval(b) => if b.boolval { "on" } else { "off" }.to_owned(),
            Val::Sval(s) => s.sval.clone(),
            Val::Bsval(_) => return None,
        }),
        // SET TIME ZONE INTERVAL '…'
        NodeEnum::TypeCast(cast) => constant(cast.arg.as_deref()?),
        _ => None,
    }
}

fn boolean(node: &pb::Node) -> Option<bool> {
    match &*constant(node)?.to_ascii_lowercase() {
        "t" | "true" | "on" | "yes" | "y" | "1" => Some(true),
        "f" | "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}
