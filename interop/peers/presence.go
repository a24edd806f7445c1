package peers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// presenceModules make a presence agent of the Kamailio above: in memory, asking
// nobody for permission.
const presenceModules = `loadmodule "db_sqlite.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("presence", "db_url", "sqlite://$DB")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "server_address", "sip:127.0.0.1:$PORT")
modparam("presence", "notifier_processes", 0)
modparam("presence_xml", "db_url", "sqlite://$DB")
modparam("presence_xml", "force_active", 1)
request_route {
	if (is_method("PUBLISH|SUBSCRIBE") && ($rd == "kamailio.test" || has_totag())) {
		if (!t_newtran()) { sl_reply_error(); exit; }
		if (is_method("PUBLISH")) handle_publish(); else handle_subscribe();
		t_release();
		exit;
	}`

// StartKamailioPresence starts one below dir that is a presence agent as well.
func StartKamailioPresence(ctx context.Context, dir string) (*Kamailio, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db := filepath.Join(dir, "presence.db")
	for _, part := range []string{"standard", "presence"} {
		schema, err := os.ReadFile("/usr/share/kamailio/db_sqlite/" + part + "-create.sql")
		if err != nil {
			return nil, fmt.Errorf("%w; run: make peers", err)
		}
		c := exec.CommandContext(ctx, "sqlite3", db)
		c.Stdin = bytes.NewReader(schema)
		if out, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("making kamailio's tables: %w: %s", err, out)
		}
	}
	config := strings.Replace(kamailioConfig, "request_route {", strings.ReplaceAll(presenceModules, "$DB", db), 1)
	return startKamailio(ctx, dir, strings.ReplaceAll(config, "$NEXT", "9"))
}
