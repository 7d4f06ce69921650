// What relay-compiler reads. A build with its Babel plugin puts the artifacts in the place of the texts; main.ts imports
// them itself.
import { graphql } from 'relay-runtime';

/** A list by pages. */
export const catalog = graphql`
  fragment operationsCatalog_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 4 }, cursor: { type: "String" })
  @refetchable(queryName: "operationsCatalogPageQuery") {
    products(first: $count, after: $cursor, sort: NAME_ASC) @connection(key: "operationsCatalog_query_products") {
      edges {
        node {
          id
          name
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`;

export const catalogQuery = graphql`
  query operationsCatalogQuery {
    ...operationsCatalog_query
  }
`;

/** One thing that can be read again: a fragment of the query, because the graph has a field for each kind of thing. */
export const product = graphql`
  fragment operationsProduct_query on Query
  @argumentDefinitions(id: { type: "ID!" })
  @refetchable(queryName: "operationsProductRefetchQuery") {
    product(id: $id) {
      id
      name
      version
    }
  }
`;

export const productQuery = graphql`
  query operationsProductQuery($id: ID!) {
    me {
      id
      username
      version
    }
    ...operationsProduct_query @arguments(id: $id)
  }
`;

export const signIn = graphql`
  mutation operationsSignInMutation($input: LoginInput!) {
    login(input: $input) {
      ... on Session {
        accessToken
      }
    }
  }
`;

export const rename = graphql`
  mutation operationsRenameMutation($id: ID!, $expectedVersion: Int!, $input: UpdateProductInput!) {
    updateProduct(id: $id, expectedVersion: $expectedVersion, input: $input) {
      __typename
      ... on Product {
        id
        name
        version
      }
    }
  }
`;
