-- A small shop's card data: what the demo and the end-to-end tests work on.
-- Every card number is one of the public test numbers of the card schemes; none was ever issued to anybody.

CREATE TABLE customers (
    id      integer PRIMARY KEY,
    name    text NOT NULL,
    email   text NOT NULL UNIQUE,
    country char(2) NOT NULL
);

CREATE TABLE cards (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    brand       text NOT NULL,
    pan         text NOT NULL UNIQUE,   -- class pan
    cvv         text,                   -- class cvv; a real system never keeps it (PCI DSS 3.3.1), this one shows why
    expiry      text NOT NULL           -- class expiry
);

CREATE TABLE orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    order_no    text NOT NULL UNIQUE,   -- long, numeric, and no card number: must stay readable
    placed_at   timestamptz NOT NULL
);

CREATE TABLE payments (
    id       integer PRIMARY KEY,
    order_id integer NOT NULL REFERENCES orders,
    card_id  integer NOT NULL REFERENCES cards,
    amount   numeric(12, 2) NOT NULL,
    currency char(3) NOT NULL,
    status   text NOT NULL
);

-- Nobody classified this one. People write card numbers into it all the same.
CREATE TABLE notes (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    body        text NOT NULL,
    extra       jsonb
);

INSERT INTO customers VALUES
    (1, 'Ana Souza',      'ana@example.test',    'BR'),
    (2, 'Björn Lindqvist', 'bjorn@example.test', 'SE'),
    (3, 'Chipo Moyo',     'chipo@example.test',  'ZW'),
    (4, 'Dalia Haddad',   'dalia@example.test',  'LB'),
    (5, 'Emi Tanaka',     'emi@example.test',    'JP');

INSERT INTO cards VALUES
    (1, 1, 'visa',       '4111111111111111', '737',  '03/30'),
    (2, 2, 'mastercard', '5555555555554444', '829',  '11/28'),
    (3, 3, 'amex',       '378282246310005',  '7373', '07/29'),
    (4, 4, 'discover',   '6011111111111117', '604',  '01/31'),
    (5, 5, 'jcb',        '3530111333300000', '518',  '09/27'),
    (6, 1, 'mastercard', '2223003122003222', '946',  '05/29');

INSERT INTO orders VALUES
    (1, 1, '8800112233445566', '2026-10-01 09:12:44+00'),
    (2, 2, '8800112233445567', '2026-10-02 17:03:10+00'),
    (3, 3, '8800112233445568', '2026-10-03 23:59:59+00'),
    (4, 5, '8800112233445569', '2026-10-05 06:30:00+00');

INSERT INTO payments VALUES
    (1, 1, 1,   42.50, 'BRL', 'captured'),
    (2, 2, 2, 1999.00, 'SEK', 'captured'),
    (3, 3, 3,    7.25, 'USD', 'declined'),
    (4, 4, 5, 8800.00, 'JPY', 'captured');

INSERT INTO notes VALUES
    (1, 1, 'asked for the invoice of order 8800112233445566 again', NULL),
    (2, 2, 'read her new card over the phone: 5105-1051-0510-5100, to be deleted', NULL),
    (3, 4, 'refund wanted', '{"card": "4012888888881881", "ticket": 4711}');
