// Statements, types in text and binary, and what the catalogue says.

import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGStatement;
import org.postgresql.util.*;

class Asking extends Transcript {

    static void statements(Connection c) throws Exception {
        title("statements");
        // From the fifth execution on the driver names its statement and asks for binary where it can.
        try (
            PreparedStatement s = c.prepareStatement(
                // Numbers that nobody classified: they are found by what they are.
                "SELECT id, pan, cvv, expiry, n::numeric, n, ARRAY[pan] FROM cards CROSS JOIN LATERAL (SELECT (ARRAY[4111111111111111, 5555555555554444, 378282246310005, 6011111111111117, 3530111333300000, 2223003122003222])[id] AS n) x WHERE id = ?"
            )
        ) {
            for (int n = 0; n < 9; n++) {
                s.setInt(1, 1 + (n % 6));
                rows(s.executeQuery());
                System.out.println(s.unwrap(PGStatement.class).isUseServerPrepare());
            }
            ResultSetMetaData meta = s.getMetaData();
            // Not where they come from: what is masked comes from an expression.
            for (int n = 1; n <= meta.getColumnCount(); n++) System.out.println(
                meta.getColumnLabel(n) +
                    " " +
                    meta.getColumnTypeName(n) +
                    " " +
                    meta.getPrecision(n)
            );
            System.out.println(s.getParameterMetaData().getParameterTypeName(1));
        }
        ask(c, "SELECT body, extra FROM notes ORDER BY id");
        try (Statement s = c.createStatement()) {
            boolean more = s.execute(
                "SELECT 1 AS one; UPDATE customers SET name = name WHERE id < 3; SELECT pan FROM cards WHERE id = 1"
            );
            while (more || s.getUpdateCount() != -1) {
                if (more) rows(s.getResultSet());
                else System.out.println("updated " + s.getUpdateCount());
                more = s.getMoreResults();
            }
            s.execute("CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text)");
        }
        try (
            PreparedStatement s = c.prepareStatement("INSERT INTO made (t) VALUES (?)", Statement.RETURN_GENERATED_KEYS)
        ) {
            s.setString(1, "a");
            s.executeUpdate();
            rows(s.getGeneratedKeys());
            for (String t : new String[] { "b", "c", null }) {
                s.setString(1, t);
                s.addBatch();
            }
            System.out.println(Arrays.toString(s.executeBatch()));
            rows(s.getGeneratedKeys());
        }
        try (Statement s = c.createStatement()) {
            s.addBatch("INSERT INTO made (t) VALUES ('d')");
            s.addBatch("UPDATE made SET t = 'e' WHERE id > 2");
            s.addBatch("INSERT INTO made (id) VALUES (1)");
            s.addBatch("INSERT INTO made (t) VALUES ('never')");
            attempt(() -> {
                try {
                    s.executeBatch();
                } catch (BatchUpdateException e) {
                    System.out.println(Arrays.toString(e.getUpdateCounts()));
                    error(e.getNextException());
                }
            });
        }
        ask(c, "SELECT count(*), max(t) FROM made");
        try (
            Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
            ResultSet r = s.executeQuery("SELECT id, t FROM made ORDER BY id")
        ) {
            r.last();
            System.out.println(r.getRow());
            r.absolute(2);
            r.updateString("t", "changed");
            r.updateRow();
            r.deleteRow();
        }
        ask(c, "SELECT count(*) FROM made");
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE made");
        }
        try (
            Connection batching = connect("reWriteBatchedInserts", "true", "prepareThreshold", "1");
            Statement s = batching.createStatement()
        ) {
            s.execute("CREATE TEMP TABLE many (a int, b text)");
            try (PreparedStatement insert = batching.prepareStatement("INSERT INTO many VALUES (?, ?)")) {
                for (int n = 0; n < 1000; n++) {
                    insert.setInt(1, n);
                    insert.setString(2, "t" + n);
                    insert.addBatch();
                }
                System.out.println(Arrays.stream(insert.executeBatch()).distinct().count());
            }
            ask(batching, "SELECT count(*), sum(a) FROM many");
        }
        try (
            Connection simple = connect("preferQueryMode", "simple");
            PreparedStatement s = simple.prepareStatement("SELECT pan, ?::text FROM cards WHERE id = ?")
        ) {
            s.setString(1, "o'clock");
            s.setInt(2, 2);
            rows(s.executeQuery());
        }
    }

    static void types(Connection c) throws Exception {
        title("types");
        String all =
            "SELECT true, 1::int2, 2::int8, 1.5::float4, 'Infinity'::float8, 12345.678::numeric, 'c'::char(3), '\\x00ff'::bytea, '2026-02-28'::date, " +
            "'23:59:59'::time, '2026-02-28 12:00'::timestamp, '1 mon 2:03:04.5'::interval, '00112233-4455-6677-8899-aabbccddeeff'::uuid, '10.0.0.1'::inet, '{\"a\": [1, null]}'::json, " +
            "'{\"b\": 2}'::jsonb, ARRAY[1, NULL], ARRAY[['a', 'b'], ['c', NULL]], '[1,5)'::int4range, B'101', '(1,2)'::point, row(1, 'x'), '12.34'::money, 7::oid, NULL";
        for (String threshold : new String[] { "5", "-1" }) {
            // -1: binary from the first execution on.
            try (
                Connection own = connect("prepareThreshold", threshold);
                PreparedStatement s = own.prepareStatement(all)
            ) {
                rows(s.executeQuery());
            }
        }
        try (
            PreparedStatement s = c.prepareStatement(
                "SELECT ?::int2, ?::int8, ?::numeric, ?::text, ?::bytea, ?::date, ?::timestamptz AT TIME ZONE 'UTC', ?::uuid, ?::jsonb, ?::int[], ?::bool, ?::text"
            )
        ) {
            for (int n = 0; n < 7; n++) {
                s.setShort(1, (short) 7);
                s.setLong(2, 1L << 40);
                s.setBigDecimal(3, new BigDecimal("1e-9"));
                s.setString(4, "é\n");
                s.setBytes(5, new byte[] { 0, -1 });
                s.setObject(6, LocalDate.of(2026, 1, 2));
                s.setObject(7, OffsetDateTime.of(2026, 1, 2, 3, 4, 5, 0, ZoneOffset.ofHours(5)));
                s.setObject(8, new UUID(0, 7));
                PGobject json = new PGobject();
                json.setType("jsonb");
                json.setValue("{\"k\": [1, null]}");
                s.setObject(9, json);
                s.setArray(10, c.createArrayOf("int4", new Integer[] { 1, null }));
                s.setBoolean(11, true);
                s.setNull(12, Types.VARCHAR);
                if (n % 6 == 0) rows(s.executeQuery());
                else s.executeQuery().close();
            }
        }
    }

    static void metadata(Connection c) throws Exception {
        title("metadata");
        DatabaseMetaData m = c.getMetaData();
        System.out.println(
            m.getDatabaseProductVersion() +
                " " +
                m.getDriverVersion() +
                " " +
                m.getMaxColumnNameLength() +
                " " +
                m.getSQLKeywords().length()
        );
        rows(m.getSchemas());
        rows(m.getTables(null, "public", "%", new String[] { "TABLE", "VIEW" }));
        rows(m.getColumns(null, "public", "cards", "%"));
        rows(m.getPrimaryKeys(null, "public", "cards"));
        rows(m.getImportedKeys(null, "public", "payments"));
        rows(m.getExportedKeys(null, "public", "cards"));
        rows(m.getIndexInfo(null, "public", "cards", false, true));
        rows(m.getTablePrivileges(null, "public", "cards"));
        rows(m.getBestRowIdentifier(null, "public", "cards", DatabaseMetaData.bestRowSession, false));
        rows(m.getFunctions(null, "public", "%"));
        rows(m.getProcedures(null, "public", "%"));
        rows(m.getTableTypes());
        ResultSet types = m.getTypeInfo();
        int count = 0;
        while (types.next()) count++;
        System.out.println(count > 50);
    }
}
