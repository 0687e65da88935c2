//! Names mean columns, and columns stay what they are.

use hoop_statement::closure::{Bindings, Note, Snapshot, close};

use super::{classify, columns, configured, exposed, relation, shop, table};

fn renamed(shop: &mut Snapshot, oid: u32, column: &str, to: &str) {
    let found = shop.attributes.iter_mut().find(|a| a.relation == oid && *a.name == *column);
    found.expect("the column").name = to.into();
}

#[test]
fn a_renamed_column_stays_classified_where_it_was_known_and_is_hidden_where_not() {
    let mut shop = shop();
    let before = close(&shop, &configured(), &Bindings::new()).bindings;
    renamed(&mut shop, 100, "pan", "number");
    let closed = close(&shop, &configured(), &before);
    assert_eq!(exposed(&closed, "cards"), "number:pan cvv:cvv");
    assert_eq!(closed.bindings, before);
    let missing = Note::Missing { column: configured()[0].clone(), relation: true };
    assert_eq!(closed.notes, std::slice::from_ref(&missing));
    let closed = close(&shop, &configured(), &Bindings::new());
    assert_eq!(
        exposed(&closed, "cards"),
        "opaque: its classified column `pan` is not there; it may have been renamed"
    );
    assert_eq!(closed.notes, [missing]);
}

#[test]
fn swapped_tables_and_columns_are_both_classified() {
    let mut shop = shop();
    let before = close(&shop, &configured(), &Bindings::new()).bindings;
    shop.relations[0].name = "cards_old".into();
    shop.relations[0].schema = "attic".into();
    table(&mut shop, 150, "cards", &["pan", "cvv"]);
    renamed(&mut shop, 100, "pan", "pan_old");
    shop.attributes.push(hoop_statement::closure::AttributeRow {
        attnum: 5,
        name: "pan".into(),
        ..shop.attributes[2].clone()
    });
    let closed = close(&shop, &configured(), &before);
    assert_eq!(exposed(&closed, "cards"), "pan:pan cvv:cvv");
    let old = closed.catalogue.relation("attic", "cards_old").expect("it is known");
    let hoop_statement::Exposure::Masked(masked) = &old.exposure else { panic!("it is masked") };
    let classified: Vec<&str> =
        masked.columns.iter().filter(|c| c.class.is_some()).map(|c| &*c.name).collect();
    assert_eq!(classified, ["pan_old", "cvv"]);
    assert_eq!(closed.bindings.len(), 4);
}

#[test]
fn a_dropped_column_is_gone_and_a_dropped_relation_is_forgotten() {
    let mut shop = shop();
    let before = close(&shop, &configured(), &Bindings::new()).bindings;
    shop.attributes.retain(|a| *a.name != *"pan");
    assert_eq!(exposed(&close(&shop, &configured(), &before), "cards"), "cvv:cvv");
    shop.relations.remove(0);
    let closed = close(&shop, &configured(), &before);
    assert_eq!(closed.bindings, Bindings::new());
    assert_eq!(closed.notes.len(), 2);
    // Made again, it is another one of the same name.
    relation(&mut shop, 170, "public", "cards", 'r');
    columns(&mut shop, 170, &["cvv", "pan"]);
    let closed = close(&shop, &configured(), &closed.bindings);
    assert_eq!(exposed(&closed, "cards"), "cvv:cvv pan:pan");
}

#[test]
fn what_is_configured_no_more_is_classified_no_more() {
    let shop = shop();
    let before = close(&shop, &configured(), &Bindings::new()).bindings;
    let fewer = [classify("cards", "pan", "name")];
    let closed = close(&shop, &fewer, &before);
    assert_eq!(exposed(&closed, "cards"), "pan:name");
    assert_eq!(closed.bindings.len(), 1);
}
