package phones

import (
	"context"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
)

// PhoneFile is a file as a phone would get it, its secrets replaced by marks.
type PhoneFile struct {
	Path string `json:"path" yaml:"path"`
	Text string `json:"text" yaml:"text"`
}

// PhoneDiff is how the files of a phone differ from those it last got.
type PhoneDiff struct {
	Diff string `json:"diff" yaml:"diff" doc:"Empty: they do not"`
}

// PhoneFamily is the phones that ask for the same files.
type PhoneFamily struct {
	Name  string   `json:"name" yaml:"name"`
	Title string   `json:"title" yaml:"title"`
	Files []string `json:"files" yaml:"files" nullable:"false" doc:"In the order in which they ask for them"`
}

// PhoneHint is a DHCP option by which phones find this server.
type PhoneHint struct {
	Option int    `json:"option" yaml:"option"`
	Family string `json:"family" yaml:"family"`
	Value  string `json:"value" yaml:"value"`
}

func (n *nouns) registerFiles(set *op.Set) {
	read := access.Read("phones")
	op.Read(set, op.Op{Path: "/phones/{mac}/preview", ID: "preview-phone", Short: "Show the files a phone would get, secrets masked", Scope: read, Needs: n.running}, n.preview)
	op.Read(set, op.Op{Path: "/phones/{mac}/diff", ID: "diff-phone", Short: "Show how the files of a phone differ from those it last got", Scope: read, Needs: n.running}, n.diff)
	op.Read(set, op.Op{Path: "/phone-families", ID: "list-phone-families", Short: "List the families of phones and the files they ask for", Scope: read}, n.listFamilies)
	op.Read(set, op.Op{Path: "/phone-dhcp", ID: "list-phone-dhcp", Short: "List DHCP options by which phones find this server", Scope: read, Needs: n.running}, n.hints)
}

func (n *nouns) preview(_ context.Context, in *struct {
	Path
	op.Paging
}) (op.Page[PhoneFile], error) {
	mac, err := in.mac()
	if err != nil {
		return op.Page[PhoneFile]{}, err
	}
	files, err := n.Desk.Preview(mac)
	if err != nil {
		return op.Page[PhoneFile]{}, err
	}
	list := []PhoneFile{}
	for _, f := range files {
		list = append(list, PhoneFile{f.Path, f.Text})
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) diff(ctx context.Context, in *Path) (PhoneDiff, error) {
	mac, err := in.mac()
	if err != nil {
		return PhoneDiff{}, err
	}
	text, err := n.Desk.Diff(ctx, mac)
	return PhoneDiff{text}, err
}

func (n *nouns) listFamilies(_ context.Context, in *struct{ op.Paging }) (op.Page[PhoneFamily], error) {
	list := []PhoneFamily{}
	for _, f := range n.Families().All() {
		out := PhoneFamily{Name: f.Name, Title: f.Title, Files: []string{}}
		for _, file := range f.Files {
			out.Files = append(out.Files, file.Name)
		}
		list = append(list, out)
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) hints(_ context.Context, in *struct{ op.Paging }) (op.Page[PhoneHint], error) {
	list := []PhoneHint{}
	for _, h := range n.Desk.Hints() {
		list = append(list, PhoneHint{h.Code, h.Family, h.Value})
	}
	return op.InOrder(in.Paging, list)
}
