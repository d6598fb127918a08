-- A host's own migration, which already uses ours.
CREATE TABLE host_order (number text PRIMARY KEY);

CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM postroom.create_message('orders', jsonb_build_object('number', NEW.number));
    RETURN NEW;
END
$$;

CREATE TRIGGER tell AFTER INSERT ON host_order FOR EACH ROW EXECUTE FUNCTION tell();

INSERT INTO host_order VALUES ('first');
