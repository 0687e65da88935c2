// HikariCP over PostgreSQL's JDBC driver, both as they are by default, for statements that are held. A line of standard
// input is an order, the answer one line: `ok …` or `error SQLSTATE MESSAGE | DETAIL`.

import com.zaxxer.hikari.*;
import java.io.*;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.util.PSQLException;

public class HoldHikari extends Transcript {

    static int update(Connection c, String status, int row, int seconds) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("UPDATE payments SET status = ? WHERE id = ?")) {
            s.setQueryTimeout(seconds);
            s.setString(1, status);
            s.setInt(2, row);
            return s.executeUpdate();
        }
    }

    static String value(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            r.next();
            return r.getString(1);
        }
    }

    /** The backends of all connections that the pool may have: lent at once, so that each is another one. */
    static String pids(HikariDataSource pool) throws SQLException {
        List<Connection> lent = new ArrayList<>();
        TreeSet<Integer> found = new TreeSet<>();
        try {
            while (lent.size() < pool.getMaximumPoolSize()) {
                lent.add(pool.getConnection());
                found.add(Integer.valueOf(value(lent.get(lent.size() - 1), "SELECT pg_backend_pid()")));
            }
        } finally {
            for (Connection c : lent) c.close();
        }
        return found.toString();
    }

    static String inTransaction(HikariDataSource pool, String status, int row) throws SQLException {
        try (Connection c = pool.getConnection()) {
            c.setAutoCommit(false);
            try {
                value(c, "SELECT 1");
                int changed = update(c, status, row, 0);
                c.commit();
                return "" + changed;
            } catch (SQLException e) {
                c.rollback();
                throw e;
            }
        }
    }

    /** As many held statements as the pool has connections, and one that comes later and reads. */
    static String crowd(HikariDataSource pool, String status, int row) throws Exception {
        int size = pool.getMaximumPoolSize();
        ExecutorService threads = Executors.newFixedThreadPool(size);
        List<Future<String>> held = new ArrayList<>();
        for (int n = 0; n < size; n++) held.add(threads.submit(() -> asked(pool, "run " + status + " " + row)));
        while (pool.getHikariPoolMXBean().getActiveConnections() < size) Thread.sleep(50);
        String late = asked(pool, "read");
        int ran = 0;
        for (Future<String> one : held) if (one.get().equals("ok 1")) ran++;
        threads.shutdown();
        return late.replaceFirst("^ok ", "") + "; " + ran + " of " + size + " ran";
    }

    static String obey(HikariDataSource pool, String[] order) throws Exception {
        if (order[0].equals("pool")) return pids(pool);
        if (order[0].equals("read")) {
            try (Connection c = pool.getConnection()) {
                return value(c, "SELECT 'read'");
            }
        }
        String status = order[1];
        int row = Integer.parseInt(order[2]);
        if (order[0].equals("transaction")) return inTransaction(pool, status, row);
        if (order[0].equals("crowd")) return crowd(pool, status, row);
        try (Connection c = pool.getConnection()) {
            return "" + update(c, status, row, order[0].equals("short") ? 2 : 0);
        }
    }

    static String asked(HikariDataSource pool, String line) throws Exception {
        try {
            return "ok " + obey(pool, line.split(" "));
        } catch (PSQLException e) {
            var m = e.getServerErrorMessage();
            return "error " + e.getSQLState() + " " + (m == null ? e.getMessage() : m.getMessage() + " | " + m.getDetail());
        } catch (SQLException e) {
            return "error " + e.getClass().getSimpleName() + " " + e.getMessage();
        }
    }

    public static void main(String[] arguments) throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url() + "?sslmode=" + System.getenv("PGSSLMODE"));
        config.setUsername(System.getenv("PGUSER"));
        config.setPassword(password());
        try (
            HikariDataSource pool = new HikariDataSource(config);
            BufferedReader orders = new BufferedReader(new InputStreamReader(System.in))
        ) {
            for (String line; (line = orders.readLine()) != null; ) {
                System.out.println(asked(pool, line).replace('\n', ' '));
            }
        }
    }
}
