package pidf

// Media types of clients that are older than PIDF.
const (
	XPIDFType = "application/xpidf+xml"     // Windows Messenger, early Polycom
	CPIMType  = "application/cpim-pidf+xml" // Cisco
)

// XPIDF is the document as the drafts before PIDF have it: one state.
func (d *Document) XPIDF() []byte {
	status, sub := "closed", "offline"
	if d.Open() {
		status, sub = "open", d.substatus()
	}
	var w writer
	w.WriteString(`<?xml version="1.0"?>` + "\n" + `<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">` + "\n")
	w.WriteString(`<presence><presentity uri="`)
	w.text(d.Entity + ";method=SUBSCRIBE")
	w.WriteString(`"/><atom id="a1"><address uri="`)
	w.text(d.Entity + ";user=ip")
	w.WriteString(`" priority="0.800000"><status status="` + status + `"/><msnsubstatus substatus="` + sub + `"/></address></atom></presence>` + "\n")
	return w.Bytes()
}

// Open reports whether one of the services can be reached.
func (d *Document) Open() bool {
	for i := range d.Tuples {
		if d.Tuples[i].Open {
			return true
		}
	}
	return false
}

// Activity is the first thing that somebody does, "" when nothing is said.
func (d *Document) Activity() string {
	if d.Person == nil || len(d.Person.Activities) == 0 {
		return ""
	}
	return d.Person.Activities[0]
}

func (d *Document) substatus() string {
	switch d.Activity() {
	case "":
		if d.Person != nil && d.Person.Idle {
			return "idle"
		}
		return "online"
	case "on-the-phone":
		return "onthephone"
	case "meal":
		return "outtolunch"
	case "away", "vacation", "permanent-absence", "sleeping", "travel", "in-transit", "holiday":
		return "away"
	}
	return "busy"
}
