package suite

import "tandem/interop/behaviour"

// Rows are all that can be run: the catalogue in the order of its files, then
// the stories.
func Rows() (list []*behaviour.Behaviour, err error) {
	families, err := behaviour.Families()
	if err != nil {
		return nil, err
	}
	for i := range families {
		for k := range families[i].Behaviours {
			list = append(list, &families[i].Behaviours[k])
		}
	}
	stories, err := stories()
	return append(list, stories...), err
}
