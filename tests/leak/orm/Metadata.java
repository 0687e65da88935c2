// What tools on pgjdbc ask of the catalogue (DBeaver, DataGrip, Metabase, Hibernate's schema check), for it to be recorded.
//   java -cp postgresql.jar Metadata.java HOST PORT DATABASE USER PASSWORD
// Each step is one connection whose application_name is the step's name: record.sh makes rows of the server's log.
import java.sql.*;
import java.util.*;

public class Metadata {
    interface Step { void run(Connection c, DatabaseMetaData m) throws SQLException; }

    static void read(ResultSet rows) throws SQLException { while (rows.next()) rows.getObject(1); rows.close(); }

    static void query(Connection c, String sql, Object... values) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
            if (s.execute()) {
                ResultSetMetaData m = s.getResultSet().getMetaData();
                // These make the driver look the columns up in the catalogue.
                for (int i = 1; i <= m.getColumnCount(); i++) { m.isAutoIncrement(i); m.isNullable(i); m.getTableName(i); }
                read(s.getResultSet());
            }
        }
    }

    public static void main(String[] a) throws SQLException {
        Map<String, Step> steps = new LinkedHashMap<>();
        steps.put("connect", (c, m) -> { c.isValid(1); m.getDatabaseProductVersion(); c.getSchema(); c.getTransactionIsolation(); });
        steps.put("tables", (c, m) -> { read(m.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})); read(m.getTables(null, null, "cards", null)); });
        steps.put("columns", (c, m) -> { read(m.getColumns(null, "public", "orders", "%")); read(m.getColumns(null, "public", "cards", "%")); });
        steps.put("keys", (c, m) -> { read(m.getPrimaryKeys(null, "public", "cards")); read(m.getImportedKeys(null, "public", "payments")); read(m.getExportedKeys(null, "public", "orders")); read(m.getCrossReference(null, "public", "orders", null, "public", "payments")); });
        steps.put("indexes", (c, m) -> { read(m.getIndexInfo(null, "public", "cards", false, true)); read(m.getIndexInfo(null, "public", "orders", true, false)); });
        steps.put("best_row", (c, m) -> { read(m.getBestRowIdentifier(null, "public", "cards", DatabaseMetaData.bestRowSession, true)); read(m.getVersionColumns(null, "public", "cards")); });
        steps.put("schemas", (c, m) -> { read(m.getSchemas()); read(m.getSchemas(null, "pub%")); read(m.getCatalogs()); read(m.getTableTypes()); });
        steps.put("functions", (c, m) -> { read(m.getFunctions(null, "public", "card%")); read(m.getProcedures(null, "public", "%")); read(m.getFunctionColumns(null, "public", "card_ref", "%")); read(m.getProcedureColumns(null, "public", "card_ref", "%")); });
        steps.put("types", (c, m) -> { read(m.getUDTs(null, "public", "%", null)); });
        steps.put("privileges", (c, m) -> { read(m.getTablePrivileges(null, "public", "orders")); read(m.getColumnPrivileges(null, "public", "orders", "%")); });
        steps.put("client_info", (c, m) -> { read(m.getClientInfoProperties()); m.getMaxColumnNameLength(); m.getMaxIndexLength(); m.getSQLKeywords(); });
        steps.put("result_columns", (c, m) -> { query(c, "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = ?", 1L); query(c, "SELECT id, holder FROM cards WHERE id = ?", 1); });
        steps.put("settings", (c, m) -> { c.setReadOnly(true); c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED); query(c, "SELECT 1"); c.setReadOnly(false); c.setSchema("public"); c.setNetworkTimeout(null, 0); });
        steps.put("transaction", (c, m) -> {
            c.setAutoCommit(false);
            query(c, "INSERT INTO customers (id, name) VALUES (?, ?) RETURNING id", 21, "Uma Urban");
            Savepoint s = c.setSavepoint("one");
            query(c, "UPDATE customers SET phone = ? WHERE id = ?", "+493012345", 21);
            c.rollback(s); c.releaseSavepoint(s); c.rollback();
        });
        steps.put("batch", (c, m) -> {
            c.setAutoCommit(false);
            try (PreparedStatement s = c.prepareStatement("INSERT INTO orders (id, order_ref, total) VALUES (?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                for (long i = 501; i < 504; i++) { s.setLong(1, i); s.setString(2, "JDBC-" + i); s.setBigDecimal(3, new java.math.BigDecimal("9.90")); s.addBatch(); }
                s.executeBatch(); read(s.getGeneratedKeys());
            }
            c.rollback();
        });
        steps.put("updatable", (c, m) -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE); ResultSet r = s.executeQuery("SELECT id, name FROM customers WHERE id = 1")) {
                r.next(); r.updateString(2, "Ann Ash"); r.updateRow(); r.refreshRow();
            }
            c.rollback();
        });
        steps.put("fetch_size", (c, m) -> {
            c.setAutoCommit(false);
            try (PreparedStatement s = c.prepareStatement("SELECT id, total FROM orders ORDER BY id")) { s.setFetchSize(2); read(s.executeQuery()); }
            c.rollback();
        });
        steps.put("escapes", (c, m) -> { query(c, "SELECT {fn concat({fn ucase(name)}, '!')}, {d '2026-02-03'}, {fn month(created_at)} FROM customers WHERE id = ?", 1); });
        steps.put("arrays", (c, m) -> { query(c, "SELECT id FROM orders WHERE id = ANY(?) ORDER BY id", c.createArrayOf("int8", new Long[] {1L, 2L})); query(c, "SELECT ?::uuid, ?::jsonb", "11111111-2222-4333-8444-555555555555", "{\"a\": 1}"); });

        for (Map.Entry<String, Step> step : steps.entrySet()) {
            Properties p = new Properties();
            p.setProperty("user", a[3]); p.setProperty("password", a[4]); p.setProperty("ApplicationName", step.getKey());
            try (Connection c = DriverManager.getConnection("jdbc:postgresql://" + a[0] + ":" + a[1] + "/" + a[2], p)) {
                step.getValue().run(c, c.getMetaData());
            }
        }
    }
}
