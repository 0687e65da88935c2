// What PostgreSQL's JDBC driver can do, as a transcript. Where to connect comes from the PG… variables.

import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;

public class UseJdbc extends Transcript {

    static void speaking(Connection c) throws Exception {
        title("notices and notifications");
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE IF EXISTS never_there");
            for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) System.out.println(
                "notice: " + w.getSQLState() + " " + w.getMessage()
            );
            s.execute("LISTEN shop");
        }
        try (
            Connection other = connect();
            PreparedStatement s = other.prepareStatement("SELECT pg_notify('shop', ?)")
        ) {
            for (int n = 0; n < 3; n++) {
                s.setString(1, "n" + n);
                s.execute();
            }
            ask(other, "SELECT pg_notify('shop', pan) FROM cards WHERE id = 1");
            int heard = 0;
            for (int tries = 0; heard < 4 && tries < 600; tries++) {
                var all = c.unwrap(PGConnection.class).getNotifications(100);
                for (var n : all == null ? new org.postgresql.PGNotification[0] : all) {
                    heard++;
                    System.out.println(
                        n.getName() +
                            " " +
                            n.getParameter() +
                            " " +
                            (n.getPID() == other.unwrap(PGConnection.class).getBackendPID())
                    );
                }
            }
        }
    }

    static void untilRuns(String pattern) throws Exception {
        try (
            Connection watcher = connect();
            PreparedStatement s = watcher.prepareStatement(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND ?::text IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        ) {
            for (int tries = 0; tries < 600; tries++) {
                s.setString(1, pattern);
                ResultSet r = s.executeQuery();
                r.next();
                if (r.getInt(1) > 0) return;
                Thread.sleep(50);
            }
        }
    }

    static void cancelling(Connection c) throws Exception {
        title("cancel");
        try (Statement s = c.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    untilRuns("SELECT pg_sleep(610%");
                    s.cancel();
                } catch (Exception e) {
                    System.out.println(e);
                }
            });
            canceller.start();
            attempt(() -> s.executeQuery("SELECT pg_sleep(610)"));
            canceller.join();
        }
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            attempt(() -> s.executeQuery("SELECT pg_sleep(611)"));
        }
        ask(c, "SELECT 'and on'");
    }

    public static void main(String[] arguments) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Locale.setDefault(Locale.ROOT);
        try (Connection c = connect()) {
            Asking.statements(c);
            Asking.types(c);
            Asking.metadata(c);
            Moving.transactions(c);
            Moving.copies(c);
            speaking(c);
            cancelling(c);
            Moving.large(c);
        }
        try (
            Connection c = connect(
                "ApplicationName",
                "named",
                "currentSchema",
                "pg_catalog",
                "options",
                "-c statement_timeout=5s"
            )
        ) {
            ask(c, "SHOW application_name");
            ask(c, "SHOW search_path");
            ask(c, "SHOW statement_timeout");
        }
    }
}
