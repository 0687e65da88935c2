-- Puts back what keep.sql remembered.
SET client_min_messages = error;
SET lock_timeout = '5s';
SET session_replication_role = replica;
DROP SCHEMA IF EXISTS dev_scratch CASCADE;
DO $$
DECLARE
    r record;
    names text;
BEGIN
    SELECT string_agg('ONLY public.' || quote_ident(c.relname), ', ') INTO names FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r';
    EXECUTE 'TRUNCATE ' || names;
    FOR r IN SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
             AND EXISTS (SELECT 1 FROM pg_class k WHERE k.relname = c.relname AND k.relnamespace = 'keep'::regnamespace) LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
            WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM keep.%I', r.relname, names, names, r.relname);
    END LOOP;
    FOR r IN SELECT s.* FROM keep.sequences s JOIN pg_class c ON c.relname = s.name AND c.relkind = 'S'
             AND c.relnamespace = 'public'::regnamespace LOOP
        PERFORM setval(('public.' || quote_ident(r.name))::regclass, r.last, r.called);
    END LOOP;
END $$;
CREATE SCHEMA dev_scratch;
GRANT ALL ON SCHEMA dev_scratch TO dev;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
