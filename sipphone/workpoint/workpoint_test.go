package workpoint

import (
	"strings"
	"testing"
)

const startUp = `<?xml version="1.0" encoding="UTF-8"?>
<WorkpointMessage xsi:schemaLocation="http://www.siemens.com/DLS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://www.siemens.com/DLS">
<Message nonce="AB15" maxItems="-1" fragment="final">
<ReasonForContact>
start-up
</ReasonForContact>
<ItemList>
<Item name="device-type">OpenStage 60</Item>
<Item name="software-version">V3 R5.13.0</Item>
<Item name="mac-addr">00:01:E3:25:EA:13</Item>
<Item status="failed" name="user-pwd-unicode"/>
<Item index="1" name="mac-addr">00:00:00:00:00:00</Item>
</ItemList>
</Message>
</WorkpointMessage>`

func TestRead(t *testing.T) {
	m, err := Read([]byte(startUp))
	if err != nil || m.MAC() != "0001e325ea13" || !m.Comes() || m.Agent() != "OpenStage 60/V3 R5.13.0" {
		t.Fatalf("%+v, %v", m, err)
	}
	if b := string(m.WriteItems([]byte("<ItemList></ItemList>\n"))); !strings.Contains(b, `<Message nonce="AB15">`) || !strings.Contains(b, "<Action>WriteItems</Action>\n<ItemList>") {
		t.Errorf("%s", b)
	}
	reply, err := Read([]byte(`<WorkpointMessage><Message nonce="1"><ReasonForContact status="accepted" action="WriteItems">reply-to</ReasonForContact></Message></WorkpointMessage>`))
	if err != nil || reply.Comes() || reply.MAC() != "" || !strings.Contains(string(reply.CleanUp()), "<Action>CleanUp</Action>") {
		t.Errorf("%+v, %v", reply, err)
	}
	for _, wrong := range []string{"", "<x/>", `<WorkpointMessage><Message nonce="&quot;><x"/></WorkpointMessage>`, `<!DOCTYPE x><WorkpointMessage><Message nonce="1"/></WorkpointMessage>`,
		`<WorkpointMessage><Message nonce="` + strings.Repeat("a", 200) + `"/></WorkpointMessage>`} {
		if m, err := Read([]byte(wrong)); err == nil {
			t.Errorf("%q: %+v", wrong, m)
		}
	}
}

// FuzzRead: no message breaks the reading, and what is answered can be read as XML.
func FuzzRead(f *testing.F) {
	f.Add([]byte(startUp))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(b)
		if err != nil {
			return
		}
		if again, err := Read(m.CleanUp()); err != nil || again.Nonce != m.Nonce {
			t.Errorf("%q: %v", m.CleanUp(), err)
		}
	})
}
