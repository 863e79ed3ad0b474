package dialect

import (
	"encoding/json"
	"strings"
)

func bulkMethodCase(message map[string]any) bool {
	changed := false
	for key, value := range message {
		operations, _ := value.([]any)
		if !strings.EqualFold(key, "Operations") {
			continue
		}
		for _, operation := range operations {
			op, _ := operation.(map[string]any)
			for key, value := range op {
				if method, ok := value.(string); ok && strings.EqualFold(key, "method") && strings.ToUpper(method) != method {
					op[key] = strings.ToUpper(method)
					changed = true
				}
			}
		}
	}
	return changed
}

func bulkFailOnZero(message map[string]any) bool {
	for key, value := range message {
		if strings.EqualFold(key, "failOnErrors") && value == json.Number("0") {
			delete(message, key)
			return true
		}
	}
	return false
}
