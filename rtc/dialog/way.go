package dialog

import (
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Way says where the INVITE of a call goes. Later requests in its dialogs go by
// Flow as well while it lives, and may reach Peer.
type Way = uac.Way

// Over is the Wire of a transport.
func Over(t *transport.Transport) uac.Wire { return uac.Over(t) }
