"""What any HTTP server of ours needs: ports, certificates, tokens, protection from other sites."""
