// Transactions, errors, rows by the portion, COPY and large values.

import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.security.MessageDigest;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.largeobject.LargeObjectManager;

class Moving extends Transcript {

    static final int LARGE = 20 << 20;

    static void transactions(Connection c) throws Exception {
        title("transactions and errors");
        attempt(() -> ask(c, "SELECT 1/0"));
        attempt(() -> ask(c, "SELEC 1"));
        attempt(() -> ask(c, "SELECT missing FROM customers"));
        attempt(() -> ask(c, "INSERT INTO customers VALUES (1, 'n', 'e', 'DE')"));
        try (Statement s = c.createStatement()) {
            s.execute("CREATE TABLE kept (id int PRIMARY KEY)");
        }
        c.setAutoCommit(false);
        c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        try (
            Statement s = c.createStatement();
            PreparedStatement insert = c.prepareStatement("INSERT INTO kept VALUES (?)")
        ) {
            s.executeUpdate("INSERT INTO kept VALUES (1)");
            Savepoint a = c.setSavepoint("a");
            insert.setInt(1, 1);
            attempt(insert::executeUpdate);
            attempt(() -> ask(c, "SELECT 'not now'"));
            c.rollback(a);
            c.releaseSavepoint(a);
            insert.setInt(1, 2);
            insert.executeUpdate();
            c.commit();
            attempt(() -> ask(c, "SELECT 1/0"));
            c.rollback();
            c.setReadOnly(true);
            attempt(() -> s.executeUpdate("DELETE FROM kept WHERE id = 1"));
            c.rollback();
            c.setReadOnly(false);
        }
        c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        ask(c, "SELECT id FROM kept ORDER BY id");
        title("rows by the portion");
        for (String sql : new String[] {
            "SELECT id, pan FROM cards ORDER BY id",
            "SELECT n, repeat('x', n) FROM generate_series(1, 7) n",
            "SELECT 10 / (5 - n) FROM generate_series(1, 9) n",
        }) {
            try (PreparedStatement s = c.prepareStatement(sql)) {
                s.setFetchSize(2);
                attempt(() -> rows(s.executeQuery()));
            } finally {
                c.rollback();
            }
        }
        try (Statement s = c.createStatement()) {
            s.setMaxRows(2);
            rows(s.executeQuery("SELECT pan FROM cards ORDER BY id"));
        }
        c.setAutoCommit(true);
        try (Statement s = c.createStatement()) {
            s.execute("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'");
            s.execute(
                "CREATE FUNCTION open_cards(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS 'BEGIN OPEN c FOR SELECT id, pan FROM cards ORDER BY id; RETURN c; END'"
            );
        }
        try (CallableStatement s = c.prepareCall("{? = call twice(?)}")) {
            s.registerOutParameter(1, Types.INTEGER);
            s.setInt(2, 21);
            s.execute();
            System.out.println(s.getInt(1));
        }
        c.setAutoCommit(false);
        ask(c, "SELECT open_cards('cards_cursor')::text");
        ask(c, "FETCH ALL IN cards_cursor");
        c.commit();
        c.setAutoCommit(true);
        try (Statement s = c.createStatement()) {
            s.execute("DROP FUNCTION twice");
            s.execute("DROP FUNCTION open_cards");
            s.execute("DROP TABLE kept");
        }
    }

    static void copies(Connection c) throws Exception {
        title("COPY");
        var copy = c.unwrap(PGConnection.class).getCopyAPI();
        for (String sql : new String[] {
            "COPY cards TO STDOUT",
            "COPY cards (pan, id) TO STDOUT (FORMAT csv, HEADER)",
            "COPY (SELECT id, name FROM customers ORDER BY id) TO STDOUT",
        }) {
            StringWriter out = new StringWriter();
            System.out.println(copy.copyOut(sql, out) + "\n" + out);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        copy.copyOut("COPY (SELECT id, order_no FROM orders ORDER BY id) TO STDOUT (FORMAT binary)", bytes);
        System.out.println(HexFormat.of().formatHex(bytes.toByteArray()));
        try (Statement s = c.createStatement()) {
            s.execute("CREATE TABLE copied (id int, t text)");
        }
        System.out.println(
            copy.copyIn("COPY copied FROM STDIN (FORMAT csv)", new StringReader("1,\"a\nb\"\n2,\n3,z\n"))
        );
        attempt(() -> copy.copyIn("COPY copied FROM STDIN", new StringReader("x\ty\n")));
        var in = copy.copyIn("COPY copied FROM STDIN");
        byte[] row = "9\tcancelled\n".getBytes();
        in.writeToCopy(row, 0, row.length);
        in.cancelCopy();
        ask(c, "SELECT * FROM copied ORDER BY id");
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE copied");
        }
        StringWriter out = new StringWriter();
        copy.copyOut("COPY (SELECT pan, cvv, expiry FROM cards ORDER BY id) TO STDOUT", out);
        System.out.println(out);
    }

    static void large(Connection c) throws Exception {
        title("large values");
        // No digits: among so many of them some would look like card numbers.
        String text = "abcdefghij".repeat(LARGE / 10);
        byte[] data = new byte[LARGE];
        for (int n = 0; n < LARGE; n++) data[n] = (byte) (128 + (n % 128));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(data);
        try (PreparedStatement s = c.prepareStatement("SELECT ?::text, ?::bytea, length(?)")) {
            s.setString(1, text);
            s.setBytes(2, data);
            s.setString(3, "é");
            ResultSet r = s.executeQuery();
            r.next();
            System.out.println(
                r.getString(1).equals(text) +
                    " " +
                    Arrays.equals(MessageDigest.getInstance("SHA-256").digest(r.getBytes(2)), digest) +
                    " " +
                    r.getInt(3)
            );
        }
        try (
            Statement s = c.createStatement();
            ResultSet r = s.executeQuery("SELECT repeat('z', 1000) FROM generate_series(1, 20000)")
        ) {
            long sum = 0;
            while (r.next()) sum += r.getString(1).length();
            System.out.println(sum);
        }
        // Large objects go by FunctionCall messages.
        byDesign("large objects, which go by FunctionCall", "0A000", () -> {
            try (Connection own = connect()) {
                own.setAutoCommit(false);
                LargeObjectManager objects = own.unwrap(PGConnection.class).getLargeObjectAPI();
                objects.delete(objects.createLO());
            }
        });
    }
}
