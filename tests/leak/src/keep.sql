-- Remembers what a twin holds, so that it can be put back.
SET client_min_messages = error;
DROP SCHEMA IF EXISTS keep CASCADE;
CREATE SCHEMA keep;
CREATE TABLE keep.sequences (name text, last bigint, called boolean);
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('CREATE TABLE keep.%I AS SELECT * FROM ONLY public.%I', r.relname, r.relname);
    END LOOP;
    FOR r IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' LOOP
        EXECUTE format('INSERT INTO keep.sequences SELECT %L, last_value, is_called FROM public.%I', r.relname, r.relname);
    END LOOP;
END $$;
