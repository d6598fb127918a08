-- Why: mails that become messages, and how far each mailbox is read.
-- Locks: only new objects. Table size: tried with empty tables.
-- Older workers: survive; they read no mailboxes.

-- One row for each entry of the channel mailbox that a process has read. The lease says which process reads it: it is compared in the
-- transaction that creates a message. A generation begins when the folder is another one, or has a new UIDVALIDITY.
CREATE TABLE postroom.mailbox (
    name          text COLLATE "C" CONSTRAINT mailbox_pk PRIMARY KEY,
    source        text NOT NULL DEFAULT '',
    generation    integer NOT NULL DEFAULT 0,
    uid_validity  bigint NOT NULL DEFAULT 0,
    known_below   bigint NOT NULL DEFAULT 0,
    position      bigint NOT NULL DEFAULT 0,
    holder        uuid,
    held_until    timestamptz,
    worker        text NOT NULL DEFAULT '',
    read_at       timestamptz,
    failing_since timestamptz,
    error         text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
COMMENT ON TABLE postroom.mailbox IS 'one row for each mailbox whose mails become messages';
COMMENT ON COLUMN postroom.mailbox.source IS 'user, host and folder that the generation belongs to';
COMMENT ON COLUMN postroom.mailbox.known_below IS 'mails of the folder with smaller UIDs were there when the generation began';
COMMENT ON COLUMN postroom.mailbox.position IS 'mails with UIDs up to this one are decided; POP3 has none';
COMMENT ON COLUMN postroom.mailbox.holder IS 'the reader that holds the lease';

-- The row is written in the transaction that creates the message, and its key keeps the mail from being made again. Rows are removed after
-- 90 days, those of POP3 only when the server has the mail no more.
CREATE TABLE postroom.received_mail (
    mailbox     text COLLATE "C" NOT NULL,
    generation  integer NOT NULL,
    mail_id     text COLLATE "C" NOT NULL,
    taken_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    message_id  uuid,
    size        bigint NOT NULL,
    is_marked   boolean NOT NULL,
    fingerprint bytea,
    internet_id text NOT NULL DEFAULT '',
    error       text NOT NULL DEFAULT '',
    CONSTRAINT received_mail_pk PRIMARY KEY (mailbox, generation, mail_id)
) WITH (fillfactor = 80);
CREATE INDEX received_mail_same ON postroom.received_mail (fingerprint, mailbox);
CREATE INDEX received_mail_unmarked ON postroom.received_mail (mailbox, generation) WHERE NOT is_marked;
CREATE INDEX received_mail_rejected ON postroom.received_mail (mailbox, taken_at) WHERE error <> '';
COMMENT ON TABLE postroom.received_mail IS 'one row for each mail that became a message or was put aside';
COMMENT ON COLUMN postroom.received_mail.mail_id IS 'the UID of IMAP, or the UIDL of POP3';
COMMENT ON COLUMN postroom.received_mail.message_id IS 'null: it was put aside, or had become a message in an earlier generation';
COMMENT ON COLUMN postroom.received_mail.is_marked IS 'whether the server was told; what is not marked is marked at the next look';
COMMENT ON COLUMN postroom.received_mail.internet_id IS 'the Message-ID of the mail';

CREATE VIEW postroom.mailboxes AS
SELECT m.name, m.source, m.position, m.worker, m.held_until > clock_timestamp() IS TRUE AS held, m.read_at, m.failing_since, m.error,
       (SELECT count(*) FROM postroom.received_mail r WHERE r.mailbox = m.name AND r.message_id IS NOT NULL) AS messages,
       (SELECT count(*) FROM postroom.received_mail r WHERE r.mailbox = m.name AND r.error <> '') AS rejected
FROM postroom.mailbox m;
COMMENT ON VIEW postroom.mailboxes IS 'mailboxes whose mails become messages';
COMMENT ON COLUMN postroom.mailboxes.held IS 'whether a process reads it now';
COMMENT ON COLUMN postroom.mailboxes.read_at IS 'when all its mails were decided last';
COMMENT ON COLUMN postroom.mailboxes.messages IS 'mails of the last 90 days that became messages';
COMMENT ON COLUMN postroom.mailboxes.rejected IS 'mails of the last 90 days that were put aside';

CREATE VIEW postroom.received_mails AS
SELECT r.mailbox, r.mail_id, r.taken_at, r.message_id, r.size, r.internet_id, r.error
FROM postroom.received_mail r;
COMMENT ON VIEW postroom.received_mails IS 'mails of the last 90 days that became messages or were put aside';
COMMENT ON COLUMN postroom.received_mails.error IS 'why it was put aside; empty: it was not';
