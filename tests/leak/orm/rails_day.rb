#!/usr/bin/env ruby
# A day's work of an application on ActiveRecord, for its statements to be recorded.
#   DAY_DSN="host=127.0.0.1 port=5432 dbname=app_a user=dev password=dev" rails_day.rb
# Needs the gems activerecord (6.1 or later) and pg. Each step is one connection whose application_name is the step's name:
# record.sh makes rows of the server's log. What is written is rolled back.
require "active_record"
DSN = ENV.fetch("DAY_DSN").split.to_h { |part| part.split("=", 2) }

class Base < ActiveRecord::Base; self.abstract_class = true; self.record_timestamps = false; end
class Customer < Base; has_many :orders; end
class Order < Base; belongs_to :customer, optional: true; has_many :payments; end
class Card < Base
  has_many :payments
  scope :known, -> { where.not(holder: nil) }
end
class CardOwner < Base
  self.table_name = "cards"
  self.ignored_columns = %w[pan pan_num cvv exp]
end
class Payment < Base; belongs_to :card, optional: true, class_name: "CardOwner"; belongs_to :order, optional: true; end
class Note < Base; end

def undone
  Base.transaction { yield; raise ActiveRecord::Rollback }
end

def shown(pan) = pan[0, 6] + "*" * (pan.size - 10) + pan[-4, 4]

STEPS = {
  connect: -> { Base.connection.active? },
  schema: -> { c = Base.connection; c.tables; c.views; c.data_sources; %w[orders cards].each { |t| c.columns(t); c.primary_key(t); c.indexes(t); c.foreign_keys(t) }; c.extensions; c.schema_names; c.table_exists?("orders"); c.table_comment("orders") },
  order_list: -> { Order.order(:id).to_a },
  order_find: -> { Order.find(1); Order.find_by(order_no: 2026020300000042); Order.where(id: 4711).first },
  order_where: -> { Order.where(total: 5..100).order(total: :desc).to_a; Order.where(id: [1, 2, 3]).order(:id).to_a; Order.where.not(customer_id: 1).order(:id).to_a; Order.where("order_ref LIKE ?", "ORD-2026%").order(:id).to_a; Order.where(customer_id: nil).to_a },
  order_or: -> { Order.where(id: 1).or(Order.where(customer_id: 2)).order(:id).to_a },
  order_json: -> { Order.where("meta ->> 'source' = ?", "app").order(:id).pluck(:id) },
  order_includes: -> { Order.includes(:customer).order(:id).each { |o| o.customer.name }; Customer.preload(orders: :payments).order(:id).to_a; Customer.eager_load(:orders).order("customers.id", "orders.id").to_a },
  order_joins: -> { Order.joins(:customer).where(customers: { name: "Bob Berg" }).order(:id).to_a; Customer.left_joins(:orders).group(:id).order(:id).pluck(:id, Arel.sql("count(orders.id)")) },
  order_page: -> { Order.order(created_at: :desc, id: :asc).limit(2).offset(1).to_a; Order.count; Order.order(:id).first(2); Order.last },
  order_exists: -> { Order.exists?(1); Order.where(customer_id: 2).any?; Order.where(customer_id: 9).none? },
  order_calculate: -> { Order.sum(:total); Order.average(:total); Order.minimum(:total); Order.maximum(:created_at); Order.group(:customer_id).order(:customer_id).count; Order.group(:customer_id).having("count(*) > 1").sum(:total); Order.distinct.count(:customer_id) },
  order_pluck: -> { Order.order(:id).pluck(:id, :total); Order.order(:id).ids; Order.order(:id).select(:id, :order_ref).to_a; Order.order(:id).pick(:order_ref) },
  order_batches: -> { Order.find_each(batch_size: 2) { |o| o.id }; Order.in_batches(of: 2) { |b| b.pluck(:total) } },
  order_subquery: -> { Customer.where(id: Order.where("total > 100").select(:customer_id)).to_a; Order.from(Order.where(customer_id: 2), :orders).order(:id).to_a },
  order_raw: -> { Order.find_by_sql(["SELECT * FROM orders WHERE total > ? ORDER BY id", 6]); Base.connection.select_value("SELECT max(total) FROM orders"); Base.connection.exec_query("SELECT $1::int + 1 AS n", "SQL", [[nil, 41]]) },
  order_merge: -> { Payment.joins(:order).merge(Order.where(customer_id: 1)).to_a },
  card_owner: -> { CardOwner.order(:id).to_a; CardOwner.find(3); CardOwner.where("holder ILIKE ?", "b%").to_a; CardOwner.order(:id).pluck(:id, :holder) },
  card_columns: -> { Card.select(:id, :holder).order(:id).to_a; Card.known.count; Card.where(id: [1, 2]).order(:id).pluck(:holder); Card.joins(:payments).where(payments: { status: "captured" }).pluck(:holder); Card.exists?(1) },
  card_payments: -> { Payment.includes(:card, :order).order(:created_us).each { |p| p.card.holder }; CardOwner.group("left(holder, 1)").order(Arel.sql("left(holder, 1)")).count },
  card_list: -> { Card.order(:id).to_a; Card.find(2); Card.order(:id).pluck(Arel.sql("right(pan, 4)")) },
  note_list: -> { Note.order(:id).to_a; Note.order(:id).ids; Note.count },
  order_create: -> { undone { Order.create!(id: 101, order_no: 2026030100000099, order_ref: "ORD-2026-0301-0000-0099", customer_id: 1, total: 42.1, created_at: Time.utc(2026, 2, 3, 4, 5, 6), meta: { source: "web" }) } },
  order_update: -> { undone { o = Order.find(1); o.update!(total: 21.49); o.reload; Order.where(customer_id: 2).update_all("total = total + 1"); o.update_columns(order_ref: "ORD-X"); Order.update_counters(1, order_no: 1) } },
  order_destroy: -> { undone { Order.find(3).destroy!; Order.where("total < 10").delete_all } },
  order_insert_all: -> { undone { Order.insert_all([{ id: 201, total: 1 }, { id: 202, total: 2 }]); Order.upsert_all([{ id: 1, total: 7 }, { id: 203, total: 8 }], unique_by: :id) } },
  order_lock: -> { undone { Order.lock.find(1); Order.find(2).lock!("FOR UPDATE NOWAIT"); Order.lock("FOR UPDATE SKIP LOCKED").order(:id).limit(2).to_a } },
  nested: -> { undone { Customer.create!(id: 11, name: "Outer"); Base.transaction(requires_new: true) { Customer.create!(id: 12, name: "Inner"); raise ActiveRecord::Rollback }; Customer.order(:id).pluck(:id) } },
  unique_violation: -> { undone { begin; Base.transaction(requires_new: true) { Customer.insert!({ id: 1, name: "Twice" }) }; rescue ActiveRecord::RecordNotUnique; end; Customer.count } },
  find_or_create: -> { undone { Customer.find_or_create_by!(id: 3) { |c| c.name = "Cyd Cole" } } },
  card_owner_create: -> { undone { CardOwner.create!(holder: "Ivy Imes"); CardOwner.create!(id: 901, holder: "Jon Jung") } },
  card_owner_update: -> { undone { CardOwner.find(4).update!(holder: "Dan Dunne"); CardOwner.where(id: 5).update_all(holder: "Eve Eastman") } },
  card_update_dirty: -> { undone { Card.find(6).update!(holder: "Fay Fong") } },
  card_owner_destroy: -> { undone { CardOwner.find(8).destroy!; CardOwner.where(id: 7).delete_all } },
  card_owner_lock: -> { undone { CardOwner.lock.find(1) } },
  writeback_update: -> { undone { c = Card.find(1); c.update!(holder: "Ann Alba-Ash", pan: shown(c.pan), cvv: "***", exp: "**/**") } },
  writeback_upsert: -> { undone { Card.upsert({ id: 2, holder: "Bob Berg", pan: "555555******4444", pan_num: 5555550000004444, cvv: "***", exp: "**/**" }) } },
  writeback_dup: -> { undone { c = Card.find(3).dup; c.pan = shown(c.pan); c.cvv = "***"; c.exp = "**/**"; c.save! } },
  writeback_update_all: -> { undone { Card.where(id: 4).update_all(exp: nil) } },
  writeback_create: -> { undone { Card.create!(holder: "Max Mill", pan: "4111111111111111", cvv: "123", exp: "09/29") } },
}

STEPS.each do |name, work|
  ActiveRecord::Base.establish_connection(adapter: "postgresql", host: DSN["host"], port: DSN["port"], database: DSN["dbname"],
                                          username: DSN["user"], password: DSN["password"], variables: {}, application_name: name.to_s)
  work.call
end
