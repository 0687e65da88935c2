// What the stories say, and how they connect: as the PG… variables say.

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.*;
import java.util.*;
import org.postgresql.util.*;

class Transcript {

    static final boolean THROUGH_GATEWAY = "gateway".equals(System.getenv("HOOP_WAY"));

    interface Act {
        void run() throws Exception;
    }

    static void title(String text) {
        System.out.println("\n== " + text);
    }

    static void error(SQLException e) {
        if (!(e instanceof PSQLException) || ((PSQLException) e).getServerErrorMessage() == null) {
            System.out.println("error: " + e.getSQLState() + " | " + e.getMessage());
            return;
        }
        ServerErrorMessage m = ((PSQLException) e).getServerErrorMessage();
        System.out.println(
            "error: " +
                String.join(
                    " | ",
                    Arrays.asList(
                        e.getClass().getSimpleName(),
                        m.getSeverity(),
                        m.getSQLState(),
                        m.getMessage(),
                        "" + m.getDetail(),
                        "" + m.getHint(),
                        "" + m.getPosition(),
                        "" + m.getWhere(),
                        "" + m.getTable(),
                        "" + m.getColumn(),
                        "" + m.getConstraint()
                    )
                )
        );
    }

    static void attempt(Act act) throws Exception {
        try {
            act.run();
        } catch (SQLException e) {
            error(e);
        }
    }

    /** What the gateway refuses and says so; straight at the server it works. */
    static void byDesign(String what, String sqlstate, Act act) throws Exception {
        String refused = null;
        try {
            act.run();
        } catch (SQLException e) {
            refused = e.getSQLState();
        }
        String expected = THROUGH_GATEWAY ? sqlstate : null;
        System.out.println(
            "by design: " +
                what +
                (Objects.equals(refused, expected) ? " as expected" : " " + refused + " instead of " + expected)
        );
    }

    static String url() {
        return (
            "jdbc:postgresql://" +
            System.getenv("PGHOST") +
            ":" +
            System.getenv("PGPORT") +
            "/" +
            System.getenv("PGDATABASE")
        );
    }

    static String password() throws Exception {
        String password = System.getenv("PGPASSWORD");
        if (password != null) return password;
        // As libpq reads it: the last field of the line.
        String line = Files.readString(Path.of(System.getenv("PGPASSFILE"))).strip();
        return line.substring(line.lastIndexOf(':') + 1);
    }

    static Connection connect(String... more) throws Exception {
        Properties p = new Properties();
        p.setProperty("user", System.getenv("PGUSER"));
        p.setProperty("password", password());
        p.setProperty("sslmode", System.getenv("PGSSLMODE"));
        for (int n = 0; n < more.length; n += 2) p.setProperty(more[n], more[n + 1]);
        return DriverManager.getConnection(url(), p);
    }

    static String shown(Object value) throws SQLException {
        if (value instanceof byte[]) return "bytes " + HexFormat.of().formatHex((byte[]) value);
        if (value instanceof java.sql.Array) {
            Object array = ((java.sql.Array) value).getArray();
            return "array " + Arrays.deepToString((Object[]) array);
        }
        // Numbers stay numbers when they are masked: their images are others than those of texts.
        if (value instanceof Long || value instanceof BigDecimal) return "number " + value;
        return value == null ? "null" : value.getClass().getSimpleName() + " " + value;
    }

    static void rows(ResultSet found) throws SQLException {
        ResultSetMetaData meta = found.getMetaData();
        while (found.next()) {
            StringBuilder line = new StringBuilder();
            for (int n = 1; n <= meta.getColumnCount(); n++) line.append(n == 1 ? "" : ", ").append(
                shown(found.getObject(n))
            );
            System.out.println(line);
        }
    }

    static void ask(Connection c, String sql) throws Exception {
        try (Statement s = c.createStatement()) {
            rows(s.executeQuery(sql));
        }
    }
}
