package boot

import (
	"fmt"
	"strings"
)

// workpoint is how an OpenStage begins and ends each of its messages.
const workpoint = `<?xml version="1.0" encoding="UTF-8"?>
<WorkpointMessage xsi:schemaLocation="http://www.siemens.com/DLS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://www.siemens.com/DLS">
<Message nonce="%s" maxItems="-1" fragment="final">
%s</Message>
</WorkpointMessage>
`

// unify is an OpenStage: it posts what it is, writes the items that it is answered, and
// goes on until it is told to clean up.
func unify(b *booting) error {
	mac := strings.ToUpper(b.mac)
	for i := 10; i > 0; i -= 2 {
		mac = mac[:i] + ":" + mac[i:]
	}
	items, err := b.post("start-up", `<ReasonForContact>start-up</ReasonForContact>
<ItemList>
<Item name="device-type">OpenStage 60</Item>
<Item name="related-device-type">OpenStage 60</Item>
<Item name="software-type">Siemens SIP</Item>
<Item name="software-version">V3 R5.13.0</Item>
<Item name="contact-me-uri">
http://127.0.0.1:8085/contact_dls.html/ContactDLS
</Item>
<Item name="mac-addr">`+mac+`</Item>
<Item name="e164">49897223290</Item>
<Item status="failed" name="user-pwd-unicode"></Item>
</ItemList>
`, "WriteItems")
	if err != nil {
		return err
	}
	if _, err := b.post("reply-to", `<ReasonForContact status="accepted" action="WriteItems">
reply-to
</ReasonForContact>
`, "CleanUp"); err != nil {
		return err
	}
	return b.items(items)
}

// post posts a message and wants an action in return.
func (b *booting) post(nonce, text, action string) (*node, error) {
	const path = "DeploymentService/LoginService"
	nonce = fmt.Sprintf("%X", nonce+b.mac)
	answer, err := b.ask(b.ctx, path, fmt.Appendf(nil, workpoint, nonce, text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	root, err := tree(string(answer))
	if err != nil || root.name != "DLSMessage" || len(root.kids) != 1 || root.kids[0].attrs["nonce"] != nonce {
		return nil, fmt.Errorf("%s: no answer to its message: %v %.200q", path, err, answer)
	}
	if got := root.value("Action"); got != action {
		return nil, fmt.Errorf("%s: it is told to %s, not to %s", path, got, action)
	}
	return root, nil
}

// items reads what it was told to write.
func (b *booting) items(root *node) error {
	plain, at := make(map[string]string), make(map[string]string)
	for _, i := range root.all("Item") {
		if index := i.attrs["index"]; index != "" {
			at[i.attrs["name"]+" "+index] = strings.TrimSpace(i.text)
		} else {
			plain[i.attrs["name"]] = strings.TrimSpace(i.text)
		}
	}
	b.setup.Language, b.setup.Clock.Offset, b.setup.Pickup = plain["language-iso"], 60*number(plain["sntp-tz-offset"]), plain["blf-code"]
	account := Account{User: plain["e164"], Login: plain["sip-user-id"], Password: plain["sip-pwd"], Domain: plain["registrar-addr"],
		Host: plain["reg-addr"], Port: port(plain["reg-port"]), Transport: map[string]string{"0": "udp", "1": "tcp", "2": "tls"}[plain["sip-transport"]]}
	for n := 1; n <= 16; n++ {
		get := func(name string) string { return at[fmt.Sprintf("%s %d", name, n)] }
		switch get("function-key-def") {
		case "31":
			a := account
			a.User, a.Login, a.Password = get("line-sip-uri"), get("line-sip-user-id"), get("line-sip-pwd")
			if a.User == "" || get("line-sip-realm") != plain["realm"] || (n == 1) != (get("line-primary") == "true") {
				return fmt.Errorf("line %d: %+v", n, a)
			}
			b.setup.Accounts = append(b.setup.Accounts, a)
		case "1":
			b.setup.Keys = append(b.setup.Keys, Key{"dial", get("select-dial"), get("key-label-unicode")})
		case "59":
			b.setup.Keys = append(b.setup.Keys, Key{"lamp", get("stimulus-led-control-uri"), get("key-label-unicode")})
		}
	}
	if len(b.setup.Accounts) == 0 && account.User != "" {
		b.setup.Accounts = []Account{account}
	}
	return nil
}
