package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tandem/interop/process"
)

// agentConfig is a Kamailio that is the presence agent of its users as well: their
// subscriptions and documents are in memory, documents that end are looked for every
// two seconds, and nobody's rules are asked. Without GRUU, since linphone would put one
// into its Contact and Kamailio's NOTIFYs would find nobody. $DB is replaced.
const agentConfig = basics + `debug=0
dns=no
rev_dns=no
loadmodule "db_sqlite.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("registrar", "gruu_enabled", 0)
modparam("presence", "db_url", "sqlite://$DB")
modparam("presence", "server_address", "sip:127.0.0.1:$PORT")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "send_fast_notify", 1)
modparam("presence", "notifier_processes", 0)
modparam("presence", "clean_period", 2)
modparam("presence_xml", "db_url", "sqlite://$DB")
modparam("presence_xml", "force_active", 1)
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (is_method("PUBLISH")) { if (!t_newtran()) { sl_reply_error(); exit; } handle_publish(); t_release(); exit; }
	if (is_method("SUBSCRIBE")) { if (!t_newtran()) { sl_reply_error(); exit; } handle_subscribe(); t_release(); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	if (is_method("INVITE")) record_route();
	if (is_method("REGISTER")) { if (!save("location")) sl_reply_error(); exit; }
	loose_route();
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
`

// StartPresenceAgent starts a Kamailio below dir that is registrar, proxy and presence
// agent of KamailioDomain.
func StartPresenceAgent(ctx context.Context, dir string) (*Kamailio, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db := filepath.Join(dir, "presence.db")
	for _, t := range []string{"standard", "presence"} {
		schema, err := os.ReadFile("/usr/share/kamailio/db_sqlite/" + t + "-create.sql")
		if err != nil {
			return nil, fmt.Errorf("%w; run: make peers", err)
		}
		if err := fill(ctx, db, schema); err != nil {
			return nil, err
		}
	}
	return startKamailio(ctx, dir, strings.ReplaceAll(agentConfig, "$DB", db))
}

// fill has SQLite carry out a script on a database.
func fill(ctx context.Context, db string, script []byte) error {
	path, err := process.Find("sqlite3")
	if err != nil {
		return err
	}
	file := db + ".sql"
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return err
	}
	_, err = process.Run(ctx, process.Command{Path: path, Args: []string{db, ".read " + file}})
	return err
}
