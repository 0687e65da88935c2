// A day's work of applications on Sequelize, TypeORM and Knex, for their statements to be recorded.
//   DAY_DSN="host=127.0.0.1 port=5432 dbname=app_a user=dev password=dev" node node_day.mjs
// Needs the packages pg, sequelize, typeorm, knex, reflect-metadata. Each step is one connection whose application_name is
// the step's name: record.sh makes rows of the server's log. What is written is rolled back.
import { createRequire } from "node:module";
import { join } from "node:path";

// The packages lie in the folder from which this is started, not beside this file.
const require = createRequire(join(process.cwd(), "package.json"));
const { Sequelize, DataTypes, Op } = require("sequelize");
require("reflect-metadata");
const { DataSource, EntitySchema, In, Like, MoreThan } = require("typeorm");
const knexOf = require("knex");

const dsn = Object.fromEntries(process.env.DAY_DSN.split(" ").map((part) => part.split("=")));
// Names that start with writeback go to another file.
const label = (name, orm) => (name === "writeback" ? `writeback_${orm}` : `${orm}_${name}`);
const undo = new Error("undone");
const undone = (start, work) => start(async (t) => { await work(t); throw undo; }).catch((e) => { if (e !== undo) throw e; });

async function sequelize(name, work) {
  const db = new Sequelize(dsn.dbname, dsn.user, dsn.password, {
    host: dsn.host, port: dsn.port, dialect: "postgres", logging: false, pool: { max: 1 },
    dialectOptions: { application_name: label(name, "sequelize") }, define: { timestamps: false },
  });
  const text = DataTypes.TEXT;
  const m = { db };
  m.Customer = db.define("customers", { id: { type: DataTypes.INTEGER, primaryKey: true }, name: text, email: text, phone: text });
  m.Order = db.define("orders", { id: { type: DataTypes.BIGINT, primaryKey: true }, order_ref: text, customer_id: DataTypes.INTEGER, total: DataTypes.DECIMAL(12, 2), created_at: DataTypes.DATE, meta: DataTypes.JSONB });
  m.Owner = db.define("owner", { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, holder: text }, { tableName: "cards" });
  m.Card = db.define("card", { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, holder: text, pan: text, pan_num: DataTypes.DECIMAL, cvv: text, exp: text }, { tableName: "cards" });
  m.Payment = db.define("payments", { id: { type: DataTypes.UUID, primaryKey: true }, card_id: DataTypes.INTEGER, order_id: DataTypes.BIGINT, amount: DataTypes.DECIMAL, status: text });
  m.Customer.hasMany(m.Order, { foreignKey: "customer_id" }); m.Order.belongsTo(m.Customer, { foreignKey: "customer_id" });
  m.Payment.belongsTo(m.Owner, { foreignKey: "card_id" }); m.Owner.hasMany(m.Payment, { foreignKey: "card_id" });
  try { await work(m); } finally { await db.close(); }
}

const sequelizeSteps = {
  connect: ({ db }) => db.authenticate(),
  describe: async ({ db }) => { const q = db.getQueryInterface(); await q.showAllTables(); await q.describeTable("orders"); await q.showIndex("cards"); await q.getForeignKeyReferencesForTable("payments"); },
  find: async ({ Order }) => { await Order.findAll({ order: ["id"] }); await Order.findByPk(1); await Order.findOne({ where: { order_ref: { [Op.like]: "ORD-2026%" } }, order: ["id"] }); await Order.findAll({ where: { total: { [Op.between]: [5, 100] }, [Op.or]: [{ customer_id: 2 }, { id: [1, 3] }] }, order: [["total", "DESC"]], limit: 2, offset: 0 }); },
  include: async ({ Order, Customer }) => { await Customer.findAll({ include: Order, order: ["id", [Order, "id", "ASC"]] }); await Order.findAll({ include: { model: Customer, where: { name: "Bob Berg" } }, order: ["id"] }); },
  aggregate: async ({ db, Order }) => { await Order.count(); await Order.sum("total"); await Order.max("total"); await Order.findAndCountAll({ where: { customer_id: 2 }, limit: 1, order: ["id"] }); await Order.findAll({ attributes: ["customer_id", [db.fn("COUNT", db.col("id")), "n"]], group: "customer_id", having: db.literal("count(id) > 1") }); },
  json: async ({ Order }) => { await Order.findAll({ where: { meta: { source: "app" } }, order: ["id"], attributes: ["id"] }); await Order.findAll({ where: { "meta.cart.items": 3 }, attributes: ["id"] }); },
  write: ({ db, Order }) => undone((w) => db.transaction(w), async (transaction) => {
    await Order.create({ id: 101, order_ref: "ORD-S", total: 1.5 }, { transaction }); await Order.bulkCreate([{ id: 102, total: 1 }, { id: 1, total: 2 }], { updateOnDuplicate: ["total"], transaction });
    const o = await Order.findByPk(1, { transaction, lock: true }); o.total = 9; await o.save({ transaction }); await Order.update({ total: 3 }, { where: { customer_id: 2 }, transaction, returning: ["id"] });
    await Order.increment("total", { by: 2, where: { id: 1 }, transaction }); await Order.upsert({ id: 3, total: 4 }, { transaction }); await Order.destroy({ where: { id: 2 }, transaction }); }),
  owner: async ({ Owner, Payment }) => { await Owner.findAll({ order: ["id"] }); await Owner.findAll({ where: { holder: { [Op.iLike]: "b%" } } }); await Owner.findAll({ include: Payment, order: ["id"] }); await Payment.findAll({ include: Owner, order: ["amount"] }); await Owner.count({ where: { holder: { [Op.ne]: null } } }); },
  owner_write: ({ db, Owner }) => undone((w) => db.transaction(w), async (transaction) => { await Owner.update({ holder: "Dan Dunne" }, { where: { id: 4 }, transaction }); await Owner.destroy({ where: { id: 8 }, transaction }); await Owner.create({ id: 901, holder: "Jon Jung" }, { transaction }); }),
  owner_create: ({ db, Owner }) => undone((w) => db.transaction(w), (transaction) => Owner.create({ holder: "Ivy Imes" }, { transaction })),
  card_list: async ({ Card }) => { await Card.findAll({ order: ["id"] }); await Card.findByPk(2); await Card.findAll({ attributes: ["id", "holder"], order: ["id"] }); },
};

async function typeorm(name, work) {
  const column = (type, more) => ({ type, nullable: true, ...more });
  const Customer = new EntitySchema({ name: "Customer", tableName: "customers", columns: { id: { type: "int", primary: true }, name: column("text"), email: column("text") }, relations: { orders: { type: "one-to-many", target: "Order", inverseSide: "customer" } } });
  const Order = new EntitySchema({ name: "Order", tableName: "orders", columns: { id: { type: "bigint", primary: true }, order_ref: column("text"), total: column("numeric"), created_at: column("timestamptz"), meta: column("jsonb") }, relations: { customer: { type: "many-to-one", target: "Customer", joinColumn: { name: "customer_id" }, inverseSide: "orders" } } });
  const Owner = new EntitySchema({ name: "Owner", tableName: "cards", columns: { id: { type: "int", primary: true, generated: true }, holder: column("text") } });
  const Card = new EntitySchema({ name: "Card", tableName: "cards", columns: { id: { type: "int", primary: true, generated: true }, holder: column("text"), pan: column("text"), pan_num: column("numeric"), cvv: column("text"), exp: column("text") } });
  const db = new DataSource({ type: "postgres", host: dsn.host, port: +dsn.port, username: dsn.user, password: dsn.password, database: dsn.dbname, entities: [Customer, Order, Owner, Card], applicationName: label(name, "typeorm"), installExtensions: false, poolSize: 1 });
  await db.initialize();
  try { await work({ db, of: (n) => db.getRepository(n) }); } finally { await db.destroy(); }
}

const typeormSteps = {
  find: async ({ of }) => { const r = of("Order"); await r.find({ order: { id: "ASC" } }); await r.findOneBy({ id: 1 }); await r.find({ where: [{ total: MoreThan(100) }, { order_ref: Like("ORD-8800%") }], order: { id: "ASC" } }); await r.findBy({ id: In([1, 2]) }); await r.count(); await r.existsBy({ id: 1 }); },
  relations: async ({ of }) => { await of("Order").find({ relations: { customer: true }, order: { id: "ASC" } }); await of("Customer").find({ relations: { orders: true }, order: { id: "ASC" }, take: 1 }); },
  builder: async ({ of }) => { await of("Order").createQueryBuilder("o").leftJoin("o.customer", "c").select("c.name", "name").addSelect("SUM(o.total)", "spent").groupBy("c.name").orderBy("spent", "DESC").getRawMany(); await of("Order").createQueryBuilder("o").where("o.total > :t", { t: 6 }).orderBy("o.id").skip(1).take(1).getManyAndCount(); },
  write: ({ db }) => undone((w) => db.transaction(w), async (t) => { const r = t.getRepository("Order"); await r.save({ id: 101, order_ref: "ORD-T", total: 1 }); await r.insert([{ id: 102 }, { id: 103 }]); await r.update({ id: 1 }, { total: 5 }); await r.upsert([{ id: 2, total: 6 }], ["id"]); await r.increment({ id: 3 }, "total", 1); await r.delete({ id: 102 }); const o = await r.findOneBy({ id: 1 }); o.total = "8"; await r.save(o); await r.remove(o); }),
  owner: async ({ of }) => { await of("Owner").find({ order: { id: "ASC" } }); await of("Owner").findOneBy({ id: 3 }); await of("Card").find({ select: { id: true, holder: true }, order: { id: "ASC" } }); await of("Owner").count(); },
  owner_write: ({ db }) => undone((w) => db.transaction(w), async (t) => { const r = t.getRepository("Owner"); await r.save({ id: 4, holder: "Dan Dunne" }); await r.update({ id: 5 }, { holder: "Eve Eastman" }); await r.delete({ id: 8 }); }),
  owner_create: ({ db }) => undone((w) => db.transaction(w), (t) => t.getRepository("Owner").save({ holder: "Ivy Imes" })),
  card_list: async ({ of }) => { await of("Card").find({ order: { id: "ASC" } }); await of("Card").findOneBy({ id: 2 }); },
  log: async ({ db }) => { await db.driver.createSchemaBuilder().log(); },
};

async function knex(name, work) {
  const db = knexOf({ client: "pg", connection: { host: dsn.host, port: +dsn.port, user: dsn.user, password: dsn.password, database: dsn.dbname, application_name: label(name, "knex") }, pool: { min: 1, max: 1 } });
  try { await work(db); } finally { await db.destroy(); }
}

const knexSteps = {
  read: async (db) => { await db("orders").where("total", ">", 6).orderBy("id").limit(2); await db("orders").first("id", "total").where({ id: 1 }); await db("orders as o").join("customers as c", "c.id", "o.customer_id").select("o.id", "c.name").orderBy("o.id"); await db("orders").count("* as n").sum("total as s").groupBy("customer_id").orderBy("customer_id"); await db("orders").whereIn("id", [1, 2]).orderBy("id").pluck("id"); await db.with("w", db("orders").where("id", 1)).select("*").from("w"); await db("orders").whereJsonPath("meta", "$.source", "=", "app").orderBy("id").select("id"); await db.raw("select ?::int as n", [1]); },
  write: (db) => undone((w) => db.transaction(w), async (t) => { await t("orders").insert([{ id: 101, total: 1 }, { id: 102, total: 2 }], ["id"]); await t("orders").insert({ id: 1, total: 3 }).onConflict("id").merge(); await t("orders").where({ id: 2 }).update({ total: t.raw("total * 2") }, ["id", "total"]); await t("orders").where({ id: 3 }).del(); await t("orders").increment("total", 1); }),
  columns: async (db) => { await db("orders").columnInfo(); await db.schema.hasTable("orders"); await db.schema.hasColumn("cards", "holder"); },
  owner: async (db) => { await db("cards").select("id", "holder").orderBy("id"); await db("cards").where("id", 3).first("holder"); await db("cards").count(); },
  owner_write: (db) => undone((w) => db.transaction(w), async (t) => { await t("cards").where({ id: 4 }).update({ holder: "Dan Dunne" }, ["id", "holder"]); await t("cards").where({ id: 8 }).del(); }),
  card_list: async (db) => { await db("cards").orderBy("id"); },
};

// Loaded as a gateway shows it, changed, saved.
const shown = { pan: "453957******1486", pan_num: "4539570000001486", cvv: "***", exp: "**/**" };
const writeBackSteps = {
  sequelize: ({ db, Card }) => undone((w) => db.transaction(w), async (transaction) => { await Card.update({ holder: "Ann Alba-Ash", ...shown }, { where: { id: 1 }, transaction }); await Card.upsert({ id: 1, holder: "Ann Alba-Ash", ...shown }, { transaction }); await Card.bulkCreate([{ id: 2, holder: "Bob Berg", pan: "555555******4444" }], { updateOnDuplicate: ["holder", "pan"], transaction }); }),
  typeorm: ({ db }) => undone((w) => db.transaction(w), async (t) => { const r = t.getRepository("Card"); await r.save({ id: 1, holder: "Ann Alba-Ash", ...shown }); await r.update({ id: 2 }, { cvv: "***" }); await r.insert({ holder: "Copy", ...shown }); }),
  knex: (db) => undone((w) => db.transaction(w), async (t) => { await t("cards").where({ id: 1 }).update({ holder: "Ann Alba-Ash", ...shown }); await t("cards").insert({ holder: "Copy", ...shown }, "id"); }),
};

for (const [name, work] of Object.entries(sequelizeSteps)) await sequelize(name, work);
for (const [name, work] of Object.entries(typeormSteps)) await typeorm(name, work);
for (const [name, work] of Object.entries(knexSteps)) await knex(name, work);
await sequelize("writeback", writeBackSteps.sequelize);
await typeorm("writeback", writeBackSteps.typeorm);
await knex("writeback", writeBackSteps.knex);
