package simulator

import (
	"context"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator/graph"
)

const (
	deleteField        = "deleteUsersFromWorkspace"
	deleteByInputField = "deleteUsersFromWorkspaceByInput" // the name of the other shape in the generated code
	deleteInput        = "DeleteUsersFromWorkspaceInput"
)

// newExecutor makes what runs GraphQL over the shapes that the settings choose.
// Introspection is on, as a client must be able to ask which they are.
func (s *Server) newExecutor(settings Settings) *executor.Executor {
	exec := executor.New(graph.NewExecutableSchema(graph.Config{
		Schema:    servedSchema(settings),
		Resolvers: resolvers{s},
	}))
	exec.Use(extension.Introspection{})
	exec.AroundRootFields(s.writeListing)
	exec.SetErrorPresenter(locate)
	return exec
}

// servedSchema is the schema of the generated code, which has every documented shape,
// without those that the settings leave out. Queries are validated against it and
// introspection shows it, so that the wrong shape gets the validation error that a
// server without it gives.
func servedSchema(settings Settings) *ast.Schema {
	all := graph.NewExecutableSchema(graph.Config{}).Schema() // shared: everything changed is copied
	schema := *all
	schema.Types = maps.Clone(all.Types)
	schema.PossibleTypes = maps.Clone(all.PossibleTypes)
	narrow := func(name string, field func(*ast.FieldDefinition) *ast.FieldDefinition) *ast.Definition {
		def := *all.Types[name]
		def.Fields = nil
		for _, f := range all.Types[name].Fields {
			if f = field(f); f != nil {
				def.Fields = append(def.Fields, f)
			}
		}
		schema.Types[name] = &def
		schema.PossibleTypes[name] = []*ast.Definition{&def}
		return &def
	}

	byInput := settings.Delete == "input"
	schema.Mutation = narrow("Mutation", func(f *ast.FieldDefinition) *ast.FieldDefinition {
		switch {
		case f.Name == deleteField && byInput, f.Name == deleteByInputField && !byInput:
			return nil
		case f.Name == deleteByInputField:
			renamed := *f
			renamed.Name = deleteField
			renamed.Description = all.Mutation.Fields.ForName(deleteField).Description
			return &renamed
		}
		return f
	})
	if !byInput {
		delete(schema.Types, deleteInput)
	}
	byRole := settings.Roles == "role"
	narrow("RoleAssignment", func(f *ast.FieldDefinition) *ast.FieldDefinition {
		if stale := f.Name == "role" || f.Name == "scopeId"; stale != byRole {
			return nil
		}
		return f
	})
	return &schema
}

// nameForCode renames, in an operation found valid, the fields that the generated
// code knows by another name than the one they are served under.
func nameForCode(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Name == deleteField && selection.Definition.Arguments.ForName("input") != nil {
				selection.Name = deleteByInputField
			}
		case *ast.InlineFragment:
			nameForCode(selection.SelectionSet)
		case *ast.FragmentSpread:
			nameForCode(selection.Definition.SelectionSet)
		}
	}
}

// locate presents an error with its place in the query, which WisdomAI gives
// (docs.wisdom.ai, "Error Handling") and the executor leaves out for resolvers.
func locate(ctx context.Context, err error) *gqlerror.Error {
	e := graphql.DefaultErrorPresenter(ctx, err)
	if fc := graphql.GetFieldContext(ctx); len(e.Locations) == 0 && fc != nil && fc.Field.Field != nil && fc.Field.Position != nil {
		e.Locations = []gqlerror.Location{{Line: fc.Field.Position.Line, Column: fc.Field.Position.Column}}
	}
	return e
}
