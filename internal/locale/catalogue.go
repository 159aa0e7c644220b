package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"
)

//go:embed *.json
var files embed.FS

// A catalogue is read when it is first asked: a function that shows no text pays nothing at start-up.
var (
	english = sync.OnceValue(func() map[string]string { return load(English) })
	german  = sync.OnceValue(func() map[string]string { return load(German) })
)

// texts returns every text of a language by its key.
func (t Tag) texts() map[string]string {
	if t == German {
		return german()
	}
	return english()
}

// load reads the files of a language. They are part of the program, so one that does not parse is a bug.
func load(t Tag) map[string]string {
	texts := map[string]string{}
	for _, name := range []string{string(t) + ".json", "pages." + string(t) + ".json", "texts." + string(t) + ".json"} {
		raw, err := files.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("locale: %v", err))
		}
		// Unmarshal adds to the map that is there.
		if err := json.Unmarshal(raw, &texts); err != nil {
			panic(fmt.Sprintf("locale: %s: %v", name, err))
		}
	}
	return texts
}
